#include "observe/descriptors.hpp"

#include <algorithm>
#include <vector>

namespace landfall {

Descriptors::Table* Descriptors::table(pid_t thread) {
    const auto it = of_thread_.find(thread);
    return it == of_thread_.end() ? nullptr : &tables_.at(it->second);
}

void Descriptors::start(pid_t thread) {
    of_thread_[thread] = next_table_;
    tables_[next_table_++];
}

void Descriptors::start(pid_t thread, pid_t parent, bool shared) {
    const auto it = of_thread_.find(parent);
    if (it == of_thread_.end()) return start(thread);
    if (shared) {
        of_thread_[thread] = it->second;
        return;
    }
    const auto copy = tables_.at(it->second);
    for (const auto& [descriptor, entry] : copy) hold(entry.file);
    of_thread_[thread] = next_table_;
    tables_[next_table_++] = copy;
}

void Descriptors::execute(pid_t before, pid_t thread) {
    if (before != thread) {
        start(thread, before, true);
        end(before);
    }
    if (table(thread) == nullptr) return start(thread);
    unshare(thread);
    std::vector<int> closed;
    for (const auto& [descriptor, entry] : *table(thread))
        if (entry.close_on_exec) closed.push_back(descriptor);
    for (const int descriptor : closed) close(thread, descriptor, descriptor);
}

void Descriptors::unshare(pid_t thread) {
    const auto of = of_thread_.find(thread);
    if (of == of_thread_.end()) return;
    const auto users =
        std::ranges::count(of_thread_, of->second, [](const auto& entry) { return entry.second; });
    if (users < 2) return;
    const auto copy = tables_.at(of->second);
    for (const auto& [descriptor, entry] : copy) hold(entry.file);
    of->second = next_table_;
    tables_[next_table_++] = copy;
}

void Descriptors::end(pid_t thread) {
    const auto it = of_thread_.find(thread);
    if (it == of_thread_.end()) return;
    const auto id = it->second;
    of_thread_.erase(it);
    if (std::ranges::any_of(of_thread_, [&](const auto& e) { return e.second == id; })) return;
    const auto files = tables_.extract(id);
    for (const auto& [descriptor, entry] : files.mapped()) let_go(entry.file);
}

FileId Descriptors::open(pid_t thread, int descriptor, bool close_on_exec) {
    if (table(thread) == nullptr) start(thread);
    close(thread, descriptor, descriptor);
    const FileId file{next_file_++};
    hold(file);
    (*table(thread))[descriptor] = {file, close_on_exec};
    return file;
}

void Descriptors::duplicate(pid_t thread, int from, int to, bool close_on_exec) {
    const auto file = find(thread, from);
    if (from == to) return;
    if (file) hold(*file);  // before the other is closed: it may be the same file
    close(thread, to, to);
    if (file) (*table(thread))[to] = {*file, close_on_exec};
}

void Descriptors::close(pid_t thread, int first, int last) {
    auto* t = table(thread);
    if (t == nullptr || first > last) return;
    std::vector<FileId> files;
    const auto begin = t->lower_bound(first), end = t->upper_bound(last);
    for (auto it = begin; it != end; ++it) files.push_back(it->second.file);
    t->erase(begin, end);
    for (const auto file : files) let_go(file);
}

void Descriptors::close_on_exec(pid_t thread, int first, int last, bool on) {
    auto* t = table(thread);
    if (t == nullptr || first > last) return;
    for (auto it = t->lower_bound(first); it != t->upper_bound(last); ++it) it->second.close_on_exec = on;
}

std::optional<FileId> Descriptors::find(pid_t thread, int descriptor) const {
    const auto of = of_thread_.find(thread);
    if (of == of_thread_.end()) return std::nullopt;
    const auto& t = tables_.at(of->second);
    const auto it = t.find(descriptor);
    return it == t.end() ? std::nullopt : std::optional(it->second.file);
}

void Descriptors::let_go(FileId file) {
    const auto it = uses_.find(file);
    if (it == uses_.end() || --it->second > 0) return;
    uses_.erase(it);
    released_(file);
}

}  // namespace landfall

#include "observe/observer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>

#include "observe/call_numbers.hpp"

namespace landfall {
namespace {

int as_descriptor(std::uint64_t argument) { return static_cast<int>(argument); }

// close_range(2) takes them unsigned, up to all there are.
int as_last(std::uint64_t argument) {
    return static_cast<int>(std::min<std::uint64_t>(static_cast<unsigned>(argument), INT_MAX));
}

bool closes_on_exec(const SystemCall& call) {
    switch (call.number) {
        case kOpen: return (call.arguments[1] & O_CLOEXEC) != 0;
        case SYS_openat: return (call.arguments[2] & O_CLOEXEC) != 0;
        case SYS_openat2: {
            std::uint64_t flags = 0;  // the first field of struct open_how
            (void)read_memory(call.thread, call.arguments[2], std::as_writable_bytes(std::span(&flags, 1)));
            return (flags & O_CLOEXEC) != 0;
        }
        case SYS_dup3: return (call.arguments[2] & O_CLOEXEC) != 0;
        case SYS_fcntl: return call.arguments[1] == F_DUPFD_CLOEXEC;
        default: return false;
    }
}

}  // namespace

Observer::Observer(std::vector<ObservedFunction> functions, Transcript& iommufd, Transcript& type1,
                   std::function<Nanoseconds()> now)
    : iommufd_(iommufd),
      type1_(type1),
      now_(std::move(now)),
      translator_(std::move(functions), *this, iommufd, type1) {
    translator_.begin(now_());
}

bool Observer::read(pid_t thread, std::uint64_t address, std::span<std::byte> to) const {
    return read_memory(thread, address, to);
}

unsigned Observer::memory_of(pid_t thread) const {
    const auto it = memory_.find(thread);
    return it == memory_.end() ? 0 : it->second;
}

std::pair<std::uint64_t, std::uint64_t> Observer::inode(pid_t thread, int descriptor) const {
    struct stat file {};
    (void)::stat(fmt::format("/proc/{}/fd/{}", thread, descriptor).c_str(), &file);
    return {file.st_dev, file.st_ino};
}

bool Observer::maps(pid_t thread, const std::string& path) const {
    std::ifstream in(fmt::format("/proc/{}/maps", thread));
    for (std::string line; std::getline(in, line);)
        if (line.ends_with(path)) return true;
    return false;
}

bool Observer::is_ours(pid_t thread, std::uint64_t descriptor) {
    return descriptors().find(thread, as_descriptor(descriptor)).has_value();
}

void Observer::each_transcript(void (Transcript::*tell)(pid_t), pid_t thread) {
    (iommufd_.*tell)(thread);
    (type1_.*tell)(thread);
}

// ---- threads ----------------------------------------------------------------------------------------------

void Observer::started(pid_t parent, pid_t thread, std::uint64_t flags) {
    if (parent == 0) program_ = thread;
    descriptors().start(thread, parent, (flags & CLONE_FILES) != 0);
    const auto it = memory_.find(parent);
    memory_[thread] = it != memory_.end() && (flags & CLONE_VM) != 0 ? it->second : next_memory_++;
}

void Observer::executed(pid_t before, pid_t thread) {
    translator_.at(thread, {now_(), now_()});
    descriptors().execute(before, thread);
    each_transcript(&Transcript::over, before);
    each_transcript(&Transcript::over, thread);
    memory_[thread] = next_memory_++;
}

void Observer::ending(pid_t thread, int status) {
    ending_[thread] = now_();
    if (thread == program_ && status != 0)
        iommufd_.not_followed("what the program would have done had it not failed");
}

void Observer::ended(pid_t thread) {
    const auto end = now_();
    const auto since = ending_.extract(thread);
    translator_.at(thread, {since.empty() ? end : since.mapped(), end});
    descriptors().end(thread);
    under_way_.erase(thread);
    memory_.erase(thread);
    each_transcript(&Transcript::over, thread);
}

// ---- calls ------------------------------------------------------------------------------------------------

// The kernel's structures begin with their size, but for those that are no structures: then what is there is
// taken.
std::vector<std::byte> Observer::argument_of(const SystemCall& call) const {
    std::vector<std::byte> bytes(Translator::kArgumentBytes);
    for (; !bytes.empty(); bytes.resize(bytes.size() / 2))
        if (read_memory(call.thread, call.arguments[2], bytes)) break;
    return bytes;
}

bool Observer::entered(const SystemCall& call) {
    switch (call.number) {
        case kOpen:
        case SYS_openat:
        case SYS_openat2:
        case kCreat: return true;
        case SYS_ioctl:
        case SYS_dup:
        case SYS_fcntl:
        case SYS_close:
            if (!is_ours(call.thread, call.arguments[0])) return false;
            break;
        case kDup2:
        case SYS_dup3:
            if (!is_ours(call.thread, call.arguments[0]) && !is_ours(call.thread, call.arguments[1]))
                return false;
            break;
        case SYS_close_range: break;
        default: return false;
    }
    UnderWay under_way{now_(), {}};
    if (call.number == SYS_ioctl) under_way.argument = argument_of(call);
    each_transcript(&Transcript::begins, call.thread);
    under_way_[call.thread] = std::move(under_way);
    return true;
}

void Observer::returned(const SystemCall& call, std::int64_t result) {
    const auto node = under_way_.extract(call.thread);
    const auto under_way = node.empty() ? UnderWay{now_(), {}} : node.mapped();
    translator_.at(call.thread, {under_way.begin, now_()});
    switch (call.number) {
        case SYS_ioctl: ioctl(call, result, under_way); break;
        case SYS_close: closing(call); break;
        case SYS_close_range:
            if (result >= 0) close_range(call);
            break;
        case SYS_dup:
        case kDup2:
        case SYS_dup3:
        case SYS_fcntl:
            if (result >= 0) duplicated(call, static_cast<int>(result));
            break;
        default:
            if (result >= 0) opened(call, static_cast<int>(result));
    }
    each_transcript(&Transcript::over, call.thread);
}

void Observer::ioctl(const SystemCall& call, std::int64_t result, const UnderWay& under_way) {
    const auto file = descriptors().find(call.thread, as_descriptor(call.arguments[0]));
    if (!file) return;
    translator_.called({call.thread,
                        *file,
                        call.arguments[1],
                        call.arguments[2],
                        under_way.argument,
                        {under_way.begin, now_()},
                        result});
}

void Observer::opened(const SystemCall& call, int descriptor) {
    std::error_code error;
    const auto path =
        std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", call.thread, descriptor), error);
    translator_.opened(call.thread, descriptor, path.string(), closes_on_exec(call));
}

void Observer::duplicated(const SystemCall& call, int descriptor) {
    const auto from = as_descriptor(call.arguments[0]);
    if (call.number != SYS_fcntl)
        return descriptors().duplicate(call.thread, from, descriptor, closes_on_exec(call));
    const auto command = call.arguments[1];
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        descriptors().duplicate(call.thread, from, descriptor, command == F_DUPFD_CLOEXEC);
    if (command == F_SETFD)
        descriptors().close_on_exec(call.thread, from, from, (call.arguments[2] & FD_CLOEXEC) != 0);
}

// close(2) has closed it, whatever it answers.
void Observer::closing(const SystemCall& call) {
    const auto descriptor = as_descriptor(call.arguments[0]);
    descriptors().close(call.thread, descriptor, descriptor);
}

void Observer::close_range(const SystemCall& call) {
    const auto first = as_last(call.arguments[0]), last = as_last(call.arguments[1]);
    if ((call.arguments[2] & CLOSE_RANGE_UNSHARE) != 0) descriptors().unshare(call.thread);
    if ((call.arguments[2] & CLOSE_RANGE_CLOEXEC) != 0)
        descriptors().close_on_exec(call.thread, first, last, true);
    else
        descriptors().close(call.thread, first, last);
}

}  // namespace landfall

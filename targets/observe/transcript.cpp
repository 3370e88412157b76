#include "observe/transcript.hpp"

#include <algorithm>
#include <map>

#include "landfall/remarks.hpp"

namespace landfall {
namespace {

// What a program maps exists before it is mapped, whoever maps it: it stands in front of a block.
bool is_buffer(const Line& line) {
    return line.step() != nullptr && std::holds_alternative<Buffer>(*line.step());
}

}  // namespace

void Transcript::over(pid_t thread) {
    under_way_.erase(thread);
    if (under_way_.empty()) flush();
}

void Transcript::step(pid_t thread, Interval when, Step step, Answer answer) {
    Line line;
    line.when = when;
    line.body = std::move(step);
    line.observed = std::move(answer);
    waiting_.push_back({thread, std::move(line)});
    ++steps_;
}

void Transcript::remark(std::string text) {
    Line line;
    line.comment = " " + std::move(text);
    waiting_.push_back({0, std::move(line)});
    if (under_way_.empty()) flush();
}

void Transcript::not_judged(const std::string& what) { remark(std::string(kNotJudged) + what); }
void Transcript::not_followed(const std::string& why) { remark(std::string(kNotFollowed) + why); }

void Transcript::event(Event event, Nanoseconds when) {
    Line line;
    line.when = Interval{when, when};
    line.body = std::move(event);
    waiting_.push_back({0, std::move(line)});
    if (under_way_.empty()) flush();
}

bool Transcript::side_by_side() const {
    Nanoseconds last;
    pid_t thread = 0;
    for (const auto& [who, line] : waiting_) {
        if (line.step() == nullptr || is_buffer(line)) continue;
        if (thread != 0 && who != thread && line.when->begin <= last) return true;
        last = std::max(last, line.when->end);
        thread = who;
    }
    return false;
}

void Transcript::flush() {
    std::ranges::stable_partition(waiting_, [](const Entry& e) { return is_buffer(e.line); });
    const bool lanes = side_by_side();
    std::map<pid_t, unsigned> lane_of;
    for (auto& [thread, line] : waiting_) {
        if (lanes && line.step() != nullptr && !is_buffer(line)) {
            line.lane = lane_of.try_emplace(thread, static_cast<unsigned>(lane_of.size() + 1)).first->second;
            if (line.lane > kMaxLane) {
                line.body = Event{LabEvent{"more threads made calls at once than a trace has lanes"}};
                line.when->begin = line.when->end;
                line.lane = 0;
                line.observed.reset();
                --steps_;
            }
        }
        sink_(line);
    }
    waiting_.clear();
}

void Transcript::finish() {
    under_way_.clear();
    flush();
    Line line;
    line.body = Fact{EndFact{steps_}};
    sink_(line);
}

}  // namespace landfall

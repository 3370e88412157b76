#include "rig/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "landfall/error.hpp"
#include "landfall/search_lines.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kEndLimit{5000};
// The answer to a step may stand behind what background DMA reports, but a rig that goes on with that for so many times the
// step's limit will not answer.
constexpr int kPatience = 2;
constexpr std::string_view kExit = "exit ";

class LiveSession final : public Session {
  public:
    LiveSession(Channel& channel, const SessionOptions& options) : channel_(channel), options_(options) {
        read_head();
    }
    LiveSession(const LiveSession&) = delete;
    LiveSession& operator=(const LiveSession&) = delete;
    ~LiveSession() override {
        try {
            if (!spent_) finish({});
        } catch (const std::exception&) {
            // The rig is lost; whoever uses it next is told so by the channel.
        }
    }

    [[nodiscard]] const std::vector<Line>& head() const override { return head_; }

    void run(std::span<const Line> steps, const OnLine& on_line) override {
        if (steps.size() == 1 && steps[0].lane == 0) return run_one(steps[0], on_line);
        run_block(steps, on_line);
    }

    void finish(const OnLine& on_line) override {
        if (spent_) throw LabError("the session has ended already");
        spent_ = true;
        const Deadline deadline(options_.limit + kEndLimit);
        channel_.send("end", deadline);
        for (bool ended = false; !ended;) {
            const Line line = receive(deadline, "end");
            if (on_line) on_line(line);
            ended = line.fact() != nullptr && std::holds_alternative<EndFact>(*line.fact());
        }
        // After a step that was not met exec has ended by itself, and `exit` may come before our `end` was
        // read.
        if (options_.says_exit &&
            !channel_.receive(deadline, "the end of landfall exec").starts_with(kExit)) {
            throw channel_.died("the rig speaks past the end of its trace");
        }
    }

  private:
    void run_one(const Line& step, const OnLine& on_line) {
        const Step* asked = step.step();
        if (spent_ || asked == nullptr) throw LabError("a session takes steps, and none after its end");
        const auto text = print(as_scenario(step));
        const auto limit = options_.limit + implied_time(*asked);
        const Deadline deadline(limit), patience(kPatience * limit);
        try {
            channel_.send(text, deadline);
            for (bool done = false; !done;) {
                Line line = receive(deadline, text);
                done = line.step() != nullptr && *line.step() == *asked && line.observed;
                if (line.event() == nullptr && !done)
                    throw channel_.died(fmt::format("the rig answered '{}' to '{}'", print(line), text));
                on_line(line);
                if (!done) expect_in(patience, text);
            }
        } catch (const RigDied&) {
            spent_ = true;
            throw;
        }
    }

    /// The rig starts when it has the whole block; its steps come back as they end.
    void run_block(std::span<const Line> steps, const OnLine& on_line) {
        if (spent_) throw LabError("a session takes no steps after its end");
        auto limit = options_.limit;
        std::vector<const Line*> waiting;
        for (const auto& line : steps) {
            limit += implied_time(*line.step());
            waiting.push_back(&line);
        }
        const Deadline deadline(limit), patience(kPatience * limit);
        try {
            for (const auto& line : steps) channel_.send(print(as_scenario(line)), deadline);
            channel_.send("go", deadline);
            while (!waiting.empty()) {
                const auto text = print(as_scenario(*waiting.front()));
                const Line line = receive(deadline, text);
                const auto asked = std::ranges::find_if(waiting, [&](const Line* w) {
                    return line.observed && line.step() != nullptr && line.lane == w->lane && *line.step() == *w->step();
                });
                if (asked != waiting.end()) waiting.erase(asked);
                else if (line.event() == nullptr)
                    throw channel_.died(fmt::format("the rig answered '{}' to a block of lanes", print(line)));
                on_line(line);
                if (!waiting.empty()) expect_in(patience, text);
            }
        } catch (const RigDied&) {
            spent_ = true;
            throw;
        }
    }

    void expect_in(const Deadline& patience, const std::string& text) {
        if (patience.passed()) throw channel_.died("the rig reports DMA, but did not answer in time: '" + text + "'");
    }

    void read_head() {
        const Deadline deadline(options_.limit + kEndLimit);
        for (;;) {
            Line line = receive(deadline, "the start of landfall exec");
            if (const auto* event = line.event(); event != nullptr) {
                if (const auto* lab = std::get_if<LabEvent>(event)) refuse(lab->text, deadline);
            }
            const bool last = line.fact() != nullptr && std::holds_alternative<StagingFact>(*line.fact());
            head_.push_back(std::move(line));
            if (last) return;
        }
    }

    /// exec could not start. Its process ends; the rig may serve the next one.
    [[noreturn]] void refuse(const std::string& why, const Deadline& deadline) {
        spent_ = true;
        if (options_.says_exit) std::ignore = channel_.receive(deadline, "the end of landfall exec");
        throw LabError(fmt::format("rig {}: {}", options_.rig, why));
    }

    /// The next line that is not for the witness.
    std::string receive_text(const Deadline& deadline, const std::string& waiting_for) {
        for (;;) {
            std::string text = channel_.receive(deadline, "'" + waiting_for + "'");
            if (!options_.search || !SearchReader::concerns(text)) return text;
            try {
                if (const auto search = search_.take(text))
                    channel_.answer(print_found(options_.search(*search)), deadline);
            } catch (const TextError& e) {
                throw channel_.died(fmt::format("the rig asked its witness '{}' ({})", text, e.what()));
            }
        }
    }

    Line receive(const Deadline& deadline, const std::string& waiting_for) {
        const std::string text = receive_text(deadline, waiting_for);
        if (text.starts_with(kExit)) {
            spent_ = true;
            throw channel_.died(fmt::format("landfall exec ended early, status {}{}{}",
                                            text.substr(kExit.size()), lab_.empty() ? "" : ": ", lab_));
        }
        try {
            Line line = parse_line(text, options_.rig, ++number_);
            if (const auto* event = line.event(); event != nullptr) {
                if (const auto* lab = std::get_if<LabEvent>(event)) lab_ = lab->text;
            }
            return line;
        } catch (const TextError& e) {
            throw channel_.died(fmt::format("the rig sent what is no trace line: '{}' ({})", text, e.what()));
        }
    }

    Channel& channel_;
    SessionOptions options_;
    std::vector<Line> head_;
    SearchReader search_;
    std::string lab_;  ///< why exec gave up, if it said so
    unsigned number_ = 0;
    bool spent_ = false;
};

}  // namespace

Line Session::step(const Line& step, const OnLine& on_event) {
    Line out;
    run({&step, 1}, [&](const Line& line) {
        if (line.step() != nullptr) out = line;
        else if (on_event) on_event(line);
    });
    return out;
}

milliseconds implied_time(const Step& step) {
    // The slowest engine moves a page in 100 ms (edu) and is given as long again.
    const auto transfer = [](const DmaRequest& r) {
        return milliseconds(200) * static_cast<std::int64_t>(align_up(r.range.length, kPageSize) / kPageSize);
    };
    return std::visit(
        Overloaded{[](const Sleep& s) {
                       return std::chrono::ceil<milliseconds>(std::chrono::nanoseconds(s.duration.value));
                   },
                   [&](const Dma& s) { return transfer(s.request); },
                   // Filled word by word; an emulated processor on a busy host does some 25 MiB a second.
                   [](const Buffer& s) { return milliseconds(100) * static_cast<std::int64_t>(s.size >> 20U); },
                   [](const auto&) { return milliseconds(0); }},
        step);
}

std::unique_ptr<Session> make_session(Channel& channel, const SessionOptions& options) {
    return std::make_unique<LiveSession>(channel, options);
}

}  // namespace landfall

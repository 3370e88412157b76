// The inside of the checker: what its three source files share.
#pragma once

#include "landfall/checker.hpp"
#include "landfall/rules/rule.hpp"
#include "landfall/traffic.hpp"
#include "landfall/world.hpp"

namespace landfall {

struct Checker::Impl {
    explicit Impl(CheckOptions o) : options(std::move(o)), worlds(make_model(options.model)) {}

    // -- checker.cpp: lines in the order of the trace
    void feed(Line&& line);
    [[nodiscard]] Verdict finish(bool cut) const;
    void fact(const Fact& fact);
    void event(Line&& line);
    void stray(const Line& line, const StrayEvent& event);
    void step(Line&& line);
    void control(const Line& line, const Answer& answer);
    void traffic_step(const Line& line);
    void end_of_block();
    void control_block(const std::vector<const Line*>& steps);
    void announce_block(const std::vector<Line>& lines);

    // -- checker_dma.cpp: what DMAs did, and the events that had to wait
    /// Lives until the next call.
    [[nodiscard]] const Account& account(const World& world, const DmaRequest& request, const Interval& window,
                                         const Landing& landing);
    void landed(const Line& line, unsigned start_line, const DmaRequest& request, const Interval& window);
    void carried_out(World& world, const Line& line, unsigned start_line, const DmaRequest& request,
                     const Interval& window, const Account& account);
    void view(const Line& line, const View& step);
    void settle(bool everything);
    void settled_dma(const Line& line, const DmaEvent& dma);
    [[nodiscard]] bool clear(const Line& event);
    void judge_faults();
    void judge_debts();
    [[nodiscard]] bool explained(const World& world, const FaultEvent& fault, const Interval& lately) const;
    [[nodiscard]] bool answers_to(const std::string& device, Bdf requester) const;

    // -- checker.cpp: the verdict
    /// What the rules find wrong with it.
    [[nodiscard]] std::vector<Violation> broken(const Case& happened) const;
    void report(std::vector<Violation> found);
    void stop(const Line& line, const std::string& reason);
    [[nodiscard]] std::string doubt(bool cut) const;

    CheckOptions options;
    Worlds worlds;
    Scene scene;
    Traffic traffic;
    std::vector<Line> block;  ///< steps with a lane, and stray bytes met among them, until the block is over
    std::vector<Line> open_faults;  ///< reported, settled, and so far explained by no DMA
    Account account_book;           ///< its memory is used for one account after the other
    Verdict verdict;
    std::uint64_t new_violations = 0;  ///< those not known
    std::string stopped;               ///< why nothing further is judged
    std::optional<std::uint64_t> end;
};

}  // namespace landfall

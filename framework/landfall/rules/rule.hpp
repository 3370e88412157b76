// A rule: one promise, and how to see it broken. It is given everything that happened, one case at a time.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "landfall/account.hpp"
#include "landfall/checker.hpp"
#include "landfall/debts.hpp"

namespace landfall {

/// A DMA that came to its end.
struct DmaCase {
    const Line& line;     ///< the step or event that tells the outcome
    unsigned start_line;  ///< the step that rang the doorbell; `line`'s own number if it is the same
    const DmaRequest& request;
    Interval window;  ///< the DMA happened in it
    const Landing& landing;
    const Account& account;
    const History& history;
    const Scene& scene;
};
/// `view`: a DMA that read the page telling one IOAS from another.
struct ViewCase {
    DmaCase dma;
};
/// An answer of the kernel to a control step.
struct AnswerCase {
    const Line& line;
    const Answer& answer;
    const Prediction& prediction;
    std::string objection;  ///< what is wrong with a value the kernel chose; empty: nothing
    std::vector<unsigned>
        beside;  ///< lines of the steps that ran side by side with it, if it is no order's answer
    const History* history = nullptr;  ///< with the step, if it ran beside others; before it, if not; none if it
                                       ///< went wrong
};
/// A step whose scenario says what to expect.
struct ExpectationCase {
    const Line& line;
};
/// A fault the IOMMU reported, once every DMA that may explain it is known.
struct FaultCase {
    const Line& line;
    const FaultEvent& fault;
    std::string device;  ///< scenario name of the requester; empty: none
    bool explained;
};
/// A DMA that was blocked, on a rig that reports every fault, and no report by the end of the trace.
struct UnreportedCase {
    const Debt& debt;
};
/// A complaint of the kernel about itself.
struct KernelCase {
    const Line& line;
    const KernelEvent& event;
};
/// Bytes that changed by themselves.
struct StrayCase {
    const Line& line;
    const StrayEvent& event;
    bool explained;  ///< a DMA that was given up may have written them late
};
using Case = std::variant<DmaCase, ViewCase, AnswerCase, ExpectationCase, FaultCase, UnreportedCase,
                          KernelCase, StrayCase>;

struct Rule {
    const char *id, *promise, *source;
    /// Appends what it finds wrong; `rule`, `promise` and `source` are filled in by the caller.
    void (*check)(const Case& happened, std::vector<Violation>& found);
};

/// Every rule there is.
[[nodiscard]] std::span<const Rule> rule_table();

// ---- words the rules share --------------------------------------------------------------------------------

/// A violation about a piece of a DMA, with window, candidates and witnesses filled in.
[[nodiscard]] Violation about(const DmaCase& dma, const Piece& piece);
/// "b's write of 0x200000+4K".
[[nodiscard]] std::string name_of(const DmaCase& dma, const Piece& piece);
/// The first piece with that fate, or nullptr.
[[nodiscard]] const Piece* first(const Account& account, Fate fate);
/// Sorts, drops 0 and duplicates.
void tidy(std::vector<unsigned>& witness);

}  // namespace landfall

// What the page of a trace shows, as JSON: facts, verdict, and all that happened in columns of numbers.
#pragma once

#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "landfall/checker.hpp"
#include "landfall/scene.hpp"
#include "report/columns.hpp"
#include "report/view_log.hpp"

namespace landfall {

/// The verdict as one sentence: "2 violations: landing, outcome", "Pass, on known findings only".
[[nodiscard]] std::string headline(const Verdict& verdict);

/// Takes a trace line by line, beside the Checker. Memory grows with the trace (about 100 bytes a DMA): the
/// page holds all of it.
class ReportData {
  public:
    /// Throws TextError if there is no such model.
    ReportData(std::string file, const std::string& model);

    void feed(const Line& line);
    /// Steps that were run, DMAs and other events so far.
    [[nodiscard]] std::uint64_t events() const { return steps_.size() + dmas_.size() + events_.size(); }
    /// The data to stand in a <script> element: there is no '<' in it. `cut`: the trace broke off inside a
    /// line.
    [[nodiscard]] std::string json(const Verdict& verdict, bool cut) const;

  private:
    /// A control step, or an event that is no DMA.
    struct Entry {
        Interval when;
        unsigned line = 0, lane = 0;
        std::int32_t text = 0, outcome = Texts::kNone, expected = Texts::kNone, note = Texts::kNone;
        std::int32_t device = -1;
        int kind = 0;  ///< of an event: 0 fault, 1 kernel, 2 stray, 3 lab
    };
    struct Transfer {
        Interval when;
        DmaRequest::Verb verb{};
        IovaRange range;
        Iova target;
        std::uint64_t seq = 0;  ///< one more than the number; 0: none
        std::int32_t device = 0, place = 0, expected = Texts::kNone, note = Texts::kNone;
        int status = 0;  ///< 0 done, 1 error, 2 timeout, 3 unknown
        unsigned line = 0;
        std::uint64_t times = 1;  ///< DMAs it tells of
    };
    struct Place {
        std::string text;
        std::int32_t buffer = 0;  ///< into buffers_, or one of the three below
    };
    static constexpr std::int32_t kNowhere = -1, kSeveral = -2, kUnknown = -3;
    struct Flying {
        DmaRequest request;
        Nanoseconds begin;
    };

    void fact(const Line& line);
    void event(const Line& line);
    void step(const Line& line);
    void add_dma(const Line& line, const DmaRequest& request, const Interval& when);
    void add_entry(std::vector<Entry>& to, const Line& line, const std::string& text, int kind,
                   std::int32_t device);
    [[nodiscard]] std::int32_t device(const std::string& name);
    [[nodiscard]] std::int32_t buffer(const std::string& name);
    [[nodiscard]] std::int32_t place(const Landing& landing);
    [[nodiscard]] std::int32_t place_of(const std::vector<Segment>& segments);
    void lost(const Line& line);
    [[nodiscard]] std::int32_t take_note(const Line& line);

    [[nodiscard]] nlohmann::json facts_json() const;
    [[nodiscard]] nlohmann::json verdict_json(const Verdict& verdict, bool cut) const;
    [[nodiscard]] nlohmann::json entries_json(const std::vector<Entry>& as_ended) const;
    [[nodiscard]] nlohmann::json dmas_json() const;
    [[nodiscard]] nlohmann::json views_json(Texts& texts) const;
    [[nodiscard]] nlohmann::json mappings_json() const;

    std::string file_;
    Scene scene_;
    ViewLog views_;
    Texts texts_;
    std::vector<std::string> devices_;
    std::vector<std::string> buffers_;
    std::map<std::string, std::int32_t> buffer_numbers_;
    std::map<std::string, std::int32_t> place_numbers_;
    std::vector<Place> places_;
    std::vector<Entry> steps_, events_;
    std::vector<Transfer> dmas_;
    std::map<std::string, Flying> flying_;
    std::vector<std::pair<unsigned, Fact>> facts_;
    std::string title_, note_;
    std::optional<std::uint64_t> known_until_;  ///< ns; the lab lost track there, so views end
};

}  // namespace landfall

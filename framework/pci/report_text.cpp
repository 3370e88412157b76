#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "report.hpp"
#include "topology.hpp"
#include "words.hpp"

namespace landfall {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

/// Words in lines of at most kWidth columns, every line after the first set in by `indent`.
std::string wrap(const std::string& text, const std::string& first, const std::string& indent) {
    std::string out, line = first;
    std::istringstream words(text);
    bool fresh = true;
    for (std::string word; words >> word; fresh = false) {
        if (!fresh && line.size() + 1 + word.size() > kWidth) {
            out += line + '\n';
            line = indent;
            fresh = true;
        }
        line += (fresh ? "" : " ") + word;
    }
    return out + line + '\n';
}

/// `text` in at most `columns` columns; pci.ids is UTF-8, so a cut falls between characters.
std::string shortened(const std::string& text, std::size_t columns) {
    const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
    if (static_cast<std::size_t>(std::ranges::count_if(text, starts)) <= columns) return text;
    std::size_t bytes = 0, seen = 0;
    for (; bytes < text.size(); ++bytes)
        if (starts(text[bytes]) && ++seen > columns - 3) break;
    return text.substr(0, bytes) + "...";
}

std::string acs_cell(const Function& f) {
    if (f.acs) return acs_flags(*f.acs);
    if (isolation(f) == Isolation::unknown) return "?";
    if (isolation(f) == Isolation::yes) return f.multifunction ? "quirk" : "-";
    return f.port ? "none" : "-";
}

class TreeTable {
  public:
    TreeTable(const Topology& topology, const std::vector<PredictedGroup>& predicted)
        : topology_(topology), predicted_of_(topology.functions().size()) {
        for (std::size_t n = 0; n < predicted.size(); ++n)
            for (const auto f : predicted[n].members) predicted_of_[f] = n;
        kernel_groups_ =
            std::ranges::any_of(topology.functions(), [](const auto& f) { return f.group.has_value(); });
        rows_.push_back({"FUNCTION", "ID", "GROUP", "DRIVER", "ACS", "NAME"});
    }

    std::string print() {
        const auto& roots = topology_.roots();
        for (std::size_t i = 0; i < roots.size();) {
            const auto bus = [this](FunctionIndex f) {
                const auto& at = topology_.functions()[f].bdf;
                return std::pair{at.domain, at.bus};
            };
            std::vector<FunctionIndex> together;
            const auto here = bus(roots[i]);
            for (; i < roots.size() && bus(roots[i]) == here; ++i) together.push_back(roots[i]);
            rows_.push_back({fmt::format("{:04x}:{:02x}", here.first, here.second), "", "", "", "", ""});
            add(together, "");
        }
        return aligned();
    }

  private:
    void add(const std::vector<FunctionIndex>& functions, const std::string& indent) {
        for (const auto f : functions) {
            const bool last = f == functions.back();
            rows_.push_back(row(f, indent + (last ? "`- " : "|- ")));
            add(topology_.below(f), indent + (last ? "   " : "|  "));
        }
    }

    Row row(FunctionIndex i, const std::string& branch) const {
        const auto& f = topology_.functions()[i];
        auto where = branch + short_name(f.bdf);
        if (f.bridge && f.bridge->secondary != 0)
            where += f.bridge->secondary == f.bridge->subordinate
                         ? fmt::format(" [{:02x}]", f.bridge->secondary)
                         : fmt::format(" [{:02x}-{:02x}]", f.bridge->secondary, f.bridge->subordinate);
        if (const auto id = requester_id(topology_, i); id != f.bdf) where += " as " + short_name(id);
        return {where,       fmt::format("{:04x}:{:04x}", f.vendor, f.device),
                group(i),    f.driver.empty() ? "-" : f.driver,
                acs_cell(f), f.name};
    }

    /// The kernel's group; "~n" numbers the predicted ones where the kernel has made none at all.
    std::string group(FunctionIndex i) const {
        if (const auto id = topology_.functions()[i].group) return std::to_string(*id);
        return kernel_groups_ ? "-" : fmt::format("~{}", predicted_of_[i]);
    }

    std::string aligned() const {
        std::array<std::size_t, kColumns> width{};
        for (const auto& row : rows_)
            for (std::size_t c = 0; c + 1 < kColumns; ++c) width[c] = std::max(width[c], row[c].size());
        std::size_t used = 0;
        for (const auto w : width) used += w + 2;
        const std::size_t name = used + 12 > kWidth ? 12 : kWidth - used + 2;
        std::string out;
        for (const auto& row : rows_) {
            std::string line;
            for (std::size_t c = 0; c + 1 < kColumns; ++c) line += fmt::format("{:<{}}  ", row[c], width[c]);
            line += shortened(row.back(), name);
            out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
        }
        return out;
    }

    const Topology& topology_;
    std::vector<std::size_t> predicted_of_;
    bool kernel_groups_ = false;
    std::vector<Row> rows_;
};

std::string members_text(const Topology& topology, const PredictedGroup& group) {
    std::vector<std::string> names;
    for (const auto f : group.members) names.push_back(short_name(topology.functions()[f].bdf));
    return fmt::format("{}", fmt::join(names, " "));
}

std::string groups_text(const Topology& topology, const std::vector<PredictedGroup>& predicted) {
    std::string out;
    for (const auto& group : predicted) {
        if (group.members.size() < 2) continue;
        out += out.empty() ? "\nWhy functions share a group\n" : "";
        out += wrap(members_text(topology, group), "  ", "  ");
        for (const auto& reason : group.reasons)
            out += wrap((reason.certain ? "" : "Assumed: ") + explain(topology, reason), "    ", "    ");
    }
    return out;
}

std::string verdict_text(const Topology& topology, const std::vector<PredictedGroup>& predicted) {
    const auto& functions = topology.functions();
    const auto hidden =
        std::ranges::count_if(functions, [](const Function& f) { return f.visible != Visible::full; });
    std::string out;
    if (hidden > 0)
        out += wrap(
            fmt::format("The config space of {} of {} functions could not be read in full, so what ACS they "
                        "have is not known (?). Root, or lspci -xxxx as root, sees all of it.",
                        hidden, functions.size()),
            "\n", "");
    if (std::ranges::none_of(functions, [](const Function& f) { return f.group.has_value(); }))
        return out +
               wrap(
                   "No iommu_group is known: the kernel runs without an IOMMU, or the report does not say. "
                   "Groups marked ~ are those Linux would form.",
                   "\n", "");
    const auto differ = differences(topology, predicted);
    if (differ.empty()) {
        const bool all = std::ranges::all_of(predicted, &PredictedGroup::certain);
        return out +
               (all ? "\nThe kernel's groups are the predicted ones.\n"
                    : "\nWhere config space could be read, the kernel's groups are the predicted ones.\n");
    }
    out += "\nWhere the kernel's groups are not the predicted ones\n";
    for (const auto& text : differ) out += wrap(text, "  ", "    ");
    return out;
}

}  // namespace

std::string topology_text(const Machine& machine) {
    const Topology topology(machine);
    const auto predicted = predict_groups(topology);
    return TreeTable(topology, predicted).print() + groups_text(topology, predicted) +
           verdict_text(topology, predicted);
}

}  // namespace landfall

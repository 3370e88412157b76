// `landfall matrix SCENARIO... --rigs A,B --kernels X,Y`: every scenario on every rig with every kernel, one table.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>

#include "commands/boot_options.hpp"
#include "commands/commands.hpp"
#include "commands/results.hpp"
#include "landfall/report_text.hpp"
#include "os/files.hpp"
#include "rig/known_file.hpp"
#include "rig/matrix.hpp"

namespace landfall {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
    std::vector<std::string> scenarios, rigs{"sim"}, kernels;
    std::string output, junit;
    MatrixOptions options;
    bool differences = false, quiet = false;
};

std::string name_of(const Scenario& scenario) { return std::filesystem::path(scenario.file).stem().string(); }

/// Scenarios by columns; what could not be run has no cell.
class Table {
  public:
    Table(const std::vector<Scenario>& scenarios, const std::vector<MatrixColumn>& columns,
          std::vector<MatrixResult> results)
        : scenarios_(scenarios), columns_(columns), results_(std::move(results)) {}

    [[nodiscard]] const MatrixCell* cell(std::size_t row, std::size_t column) const {
        const auto& cells = results_[column].cells;
        return row < cells.size() ? &cells[row] : nullptr;
    }
    [[nodiscard]] std::string word(std::size_t row, std::size_t column) const {
        const auto* c = cell(row, column);
        if (c == nullptr) return "-";
        if (c->result.verdict.kind != Verdict::Kind::violation) return word_for(c->result);
        for (const auto& v : c->result.verdict.violations)
            if (v.known.empty()) return "! " + v.rule;
        return "violation";
    }
    /// What ran came out in more than one way. A scenario whose needs are not met says nothing.
    [[nodiscard]] bool differs(std::size_t row) const {
        std::set<std::string> seen;
        for (std::size_t c = 0; c < columns_.size(); ++c)
            if (const auto w = word(row, c); w != verdict_str(Verdict::Kind::unmet)) seen.insert(w);
        return seen.size() > 1;
    }

    void print(bool differences) const {
        print_columns();
        std::vector<std::size_t> rows;
        for (std::size_t row = 0; row < scenarios_.size(); ++row)
            if (!differences || differs(row)) rows.push_back(row);
        if (rows.empty()) return fmt::print("no scenario comes out differently on any two of them\n");
        print_rows(rows);
        for (const auto row : rows) print_violations(row);
    }

    void keep(const std::string& directory, const CheckOptions& check) {
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            const auto folder = std::filesystem::path(directory) / folder_of(columns_[c]);
            std::filesystem::create_directories(folder);
            for (std::size_t row = 0; row < results_[c].cells.size(); ++row) {
                auto& result = results_[c].cells[row].result;
                const auto proof = prove(result, check);
                keep_files(folder.string(), name_of(scenarios_[row]), result, proof);
            }
        }
    }

    [[nodiscard]] std::vector<JunitCase> junit() const {
        std::vector<JunitCase> out;
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            const auto title = columns_[c].title();
            for (std::size_t row = 0; row < scenarios_.size(); ++row) {
                const auto* at = cell(row, c);
                if (at != nullptr)
                    out.push_back(junit_case(title, columns_[c].rig.name, name_of(scenarios_[row]), at->result, at->seconds));
                else
                    out.push_back({title, name_of(scenarios_[row]), 0, JunitCase::Kind::error, results_[c].trouble, {}, {}});
            }
        }
        return out;
    }

    [[nodiscard]] ExitStatus status() const {
        auto out = ExitStatus::unmet;
        for (const auto& r : results_) {
            if (!r.trouble.empty()) out = graver(out, ExitStatus::lab);
            for (const auto& c : r.cells) out = graver(out, c.result.verdict.exit_status());
        }
        return out;
    }

  private:
    static std::string folder_of(const MatrixColumn& column) {
        auto kernel = std::filesystem::path(column.kernel).lexically_normal().string();
        std::ranges::replace(kernel, '/', '_');
        return kernel.empty() ? column.rig.name : column.rig.name + "-" + kernel;
    }

    /// What the numbers over the table mean.
    void print_columns() const {
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            std::string release;
            for (const auto& cell : results_[c].cells)
                if (auto k = fact_value(cell.result.trace, "kernel"); !k.empty()) release = std::move(k);
            fmt::print("{:>3}  {:<36} {:<12} {:<16}{}\n", c + 1, columns_[c].title(), columns_[c].rig.iommu,
                       release.empty() ? "" : "Linux " + release,
                       results_[c].trouble.empty() ? "" : "  " + results_[c].trouble);
        }
        fmt::print("\n");
    }

    void print_rows(const std::vector<std::size_t>& rows) const {
        std::size_t name = 8;
        std::vector<std::size_t> widths(columns_.size());
        for (const auto row : rows) {
            name = std::max(name, name_of(scenarios_[row]).size());
            for (std::size_t c = 0; c < columns_.size(); ++c) widths[c] = std::max({widths[c], word(row, c).size(), std::size_t{3}});
        }
        fmt::print("{:<{}}", "scenario", name);
        for (std::size_t c = 0; c < columns_.size(); ++c) fmt::print("  {:<{}}", c + 1, widths[c]);
        fmt::print("\n");
        for (const auto row : rows) {
            fmt::print("{:<{}}", name_of(scenarios_[row]), name);
            for (std::size_t c = 0; c < columns_.size(); ++c) fmt::print("  {:<{}}", word(row, c), widths[c]);
            fmt::print("\n");
        }
    }

    void print_violations(std::size_t row) const {
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            const auto* at = cell(row, c);
            if (at == nullptr) continue;
            const auto& verdict = at->result.verdict;
            const auto where = fmt::format("{} on {}", name_of(scenarios_[row]), c + 1);
            for (const auto& v : verdict.violations)
                if (v.known.empty()) fmt::print("{}: {}: {}\n", where, v.rule, v.summary);
            if (verdict.kind == Verdict::Kind::inconclusive) fmt::print("{}: {}\n", where, verdict.reason);
        }
    }

    const std::vector<Scenario>& scenarios_;
    const std::vector<MatrixColumn>& columns_;
    std::vector<MatrixResult> results_;
};

ExitStatus run(Arguments& a) {
    // Everything that can be wrong with the texts is said before anything starts.
    std::vector<Scenario> scenarios;
    for (const auto& path : a.scenarios) scenarios.push_back(Scenario::read(path));
    const auto columns = matrix_columns(a.rigs, a.kernels);
    a.options.run.check.known = load_known();
    a.options.boot.log = [quiet = a.quiet](const std::string& text) {
        if (!quiet) fmt::print(stderr, "landfall: {}\n", text);
    };
    const auto begin = Clock::now();
    Table table(scenarios, columns, run_matrix(scenarios, columns, a.options));
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (!a.output.empty()) table.keep(a.output, a.options.run.check);
    const auto cases = table.junit();
    if (!a.junit.empty()) write_file(a.junit, junit_xml(cases));
    table.print(a.differences);
    const auto count = [&](JunitCase::Kind k) { return std::ranges::count(cases, k, &JunitCase::kind); };
    fmt::print("{} passed, {} failed, {} skipped, {} inconclusive on {} in {:.1f} s\n", count(JunitCase::Kind::pass),
               count(JunitCase::Kind::failure), count(JunitCase::Kind::skipped), count(JunitCase::Kind::error),
               text::counted(columns.size(), "machine"), seconds);
    return table.status();
}

}  // namespace

void add_matrix(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("matrix", "run scenarios on every rig with every kernel: one table");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    command->add_option("scenario", a.scenarios, "scenario files")->required();
    command->add_option("--rigs", a.rigs, "rigs that ship, or rig files; A,B")->delimiter(',')->capture_default_str();
    command->add_option("--kernels", a.kernels, "as --kernel of run; X,Y [each rig's own]")->delimiter(',');
    add_start_options(*command, a.options.boot);
    command->add_option("--jobs", a.options.at_once, "machines at a time [as many as there is room for]");
    command->add_option("-o,--output", a.output, "directory for traces, consoles and explanations, one folder a machine");
    command->add_option("--junit", a.junit, "write a JUnit XML report to this file");
    command->add_flag("--differences", a.differences, "only the scenarios that do not come out alike everywhere");
    command->add_flag("-q,--quiet", a.quiet, "no progress on stderr");
    command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace landfall

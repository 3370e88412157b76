// `landfall report TRACE -o FILE`: one page for a run that is over, to open anywhere or send in a mail.
#include <fmt/format.h>

#include <fstream>
#include <memory>

#include "commands/commands.hpp"
#include "landfall/model.hpp"
#include "landfall/trace.hpp"
#include "report/page.hpp"
#include "report/report_data.hpp"
#include "rig/known_file.hpp"

namespace landfall {
namespace {

struct Arguments {
    std::string trace, output;
    CheckOptions check;
};

void report(const Arguments& a) {
    Checker checker(a.check);
    ReportData data(a.trace == "-" ? "<stdin>" : a.trace, a.check.model);
    const bool cut = read_trace(a.trace, [&](const Line& line) {
        checker.feed(line);
        data.feed(line);
    });
    const auto json = data.json(checker.finish(cut), cut);
    std::ofstream out(a.output, std::ios::binary);
    out << kPageHead << json << kPageTail;
    if (!out.flush())
        throw LabError("cannot write " + a.output, "is the folder there, and is there room in it?");
    fmt::print("{}: {} events, {} bytes\n", a.output, data.events(),
               kPageHead.size() + json.size() + kPageTail.size());
}

}  // namespace

void add_report(CLI::App& app, ExitStatus& status) {
    auto* command = app.add_subcommand("report", "make one offline HTML page of a trace");
    const auto arguments = std::make_shared<Arguments>();
    auto& a = *arguments;
    a.check.max_violations = 1000;  // a page has room for more than a terminal
    command->add_option("trace", a.trace, "a trace file; - is stdin")->required();
    command->add_option("-o,--output", a.output, "the page; what stood there is replaced")->required();
    command->add_option("--model", a.check.model, "what the kernel is taken to promise [what the trace says it is]")
        ->check(CLI::IsMember(model_names()));
    command->callback([arguments, &status] {
        arguments->check.known = load_known();
        report(*arguments);
        status = ExitStatus::pass;
    });
}

}  // namespace landfall

#include "rig/junit.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall {
namespace {

std::string escape(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else if (c == '>') out += "&gt;";
        else if (c == '"') out += "&quot;";
        else if (u < 0x20 && c != '\n' && c != '\t') out += "\xef\xbf\xbd";
        else out += c;
    }
    return out;
}

const char* element(JunitCase::Kind kind) {
    switch (kind) {
        case JunitCase::Kind::failure: return "failure";
        case JunitCase::Kind::error: return "error";
        case JunitCase::Kind::skipped: return "skipped";
        case JunitCase::Kind::pass: break;
    }
    return nullptr;
}

std::string one_case(const JunitCase& c) {
    auto out = fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n", escape(c.suite), escape(c.name),
                           c.seconds);
    if (!c.properties.empty()) {
        out += "    <properties>\n";
        for (const auto& [name, value] : c.properties)
            out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", escape(name), escape(value));
        out += "    </properties>\n";
    }
    if (const auto* e = element(c.kind))
        out += fmt::format("    <{0} message=\"{1}\">{2}</{0}>\n", e, escape(c.message), escape(c.detail));
    return out + "  </testcase>\n";
}

}  // namespace

std::string junit_xml(const std::vector<JunitCase>& cases) {
    const auto count = [&](JunitCase::Kind kind) { return std::ranges::count(cases, kind, &JunitCase::kind); };
    double seconds = 0;
    for (const auto& c : cases) seconds += c.seconds;
    auto out = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuite name=\"landfall\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n",
        cases.size(), count(JunitCase::Kind::failure), count(JunitCase::Kind::error), count(JunitCase::Kind::skipped),
        seconds);
    for (const auto& c : cases) out += one_case(c);
    return out + "</testsuite>\n";
}

}  // namespace landfall

// Results in the JUnit XML dialect that CI systems read (testsuite, testcase, failure, error, skipped, property).
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace landfall {

struct JunitCase {
    enum class Kind { pass, failure, error, skipped };
    std::string suite, name;
    double seconds = 0;
    Kind kind = Kind::pass;
    std::string message;  ///< one line; unused for pass
    std::string detail;   ///< explanation, console
    std::vector<std::pair<std::string, std::string>> properties;
};

/// The whole document. Characters XML 1.0 cannot carry are replaced by U+FFFD.
[[nodiscard]] std::string junit_xml(const std::vector<JunitCase>& cases);

}  // namespace landfall

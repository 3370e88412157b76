#include <array>

#include "landfall/rules/rule.hpp"

namespace landfall {

// The one table of rules, most telling first: a new one is its file and its line here.
#define LANDFALL_RULES(RULE) \
    RULE(landing)            \
    RULE(permission)         \
    RULE(completeness)       \
    RULE(view)               \
    RULE(outcome)            \
    RULE(fault)              \
    RULE(stray)              \
    RULE(kernel)             \
    RULE(expectation)

#define DECLARE(name) extern const Rule name##_rule;
LANDFALL_RULES(DECLARE)
#undef DECLARE

std::span<const Rule> rule_table() {
#define COPY(name) name##_rule,
    static const std::array table{LANDFALL_RULES(COPY)};
#undef COPY
    return table;
}

}  // namespace landfall

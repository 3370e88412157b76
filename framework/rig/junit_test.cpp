#include "rig/junit.hpp"

#include <gmock/gmock.h>

namespace landfall {
namespace {

using testing::HasSubstr;

TEST(Junit, CountsAndEscapes) {
    const auto xml = junit_xml({
        {"edu-pair-vtd", "a.scn", 1.5, JunitCase::Kind::pass, "", "", {{"kernel", "6.12 <x>"}}},
        {"edu-pair-vtd", "b.scn", 0.5, JunitCase::Kind::failure, "a & \"b\"", "line\n\x01", {}},
        {"edu-pair-vtd", "c.scn", 0, JunitCase::Kind::skipped, "no c", "", {}},
    });
    EXPECT_THAT(xml, HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"2.000\""));
    EXPECT_THAT(xml, HasSubstr("value=\"6.12 &lt;x&gt;\""));
    EXPECT_THAT(xml, HasSubstr("<failure message=\"a &amp; &quot;b&quot;\">line\n\xef\xbf\xbd</failure>"));
    EXPECT_THAT(xml, HasSubstr("<skipped message=\"no c\"></skipped>"));
}

}  // namespace
}  // namespace landfall

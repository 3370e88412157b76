#include "linux/loan.hpp"

#include <gmock/gmock.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;

TEST(Devices, AreFunctionsOrVirtualFunctionsOfOne) {
    const auto devices = parse_devices({"a=0000:00:08.0", "b=0000:00:08.1,scratch", "c=0000:01:00.0/virtfn0",
                                        "d=0000:01:00.0/virtfn12,scratch"});
    ASSERT_EQ(devices.size(), 4U);
    EXPECT_EQ(devices[0].name, "a");
    EXPECT_EQ(devices[0].bdf.str(), "0000:00:08.0");
    EXPECT_FALSE(devices[0].scratch);
    EXPECT_FALSE(devices[0].virtual_of);
    EXPECT_TRUE(devices[1].scratch);
    EXPECT_EQ(devices[2].virtual_of.value().physical.str(), "0000:01:00.0");
    EXPECT_EQ(devices[2].virtual_of.value().number, 0U);
    EXPECT_FALSE(devices[2].scratch);
    EXPECT_EQ(devices[3].virtual_of.value().number, 12U);
    EXPECT_TRUE(devices[3].scratch);
}

TEST(Devices, AnythingElseIsRefused) {
    for (const char* text : {"0000:00:08.0", "a=", "a=00:08", "a=0000:01:00.0/", "a=0000:01:00.0/virtfn",
                             "a=0000:01:00.0/virtfn-1", "a=0000:01:00.0/virtfn1x", "a=0000:01:00.0/virtfn256",
                             "a=/virtfn0", "a=0000:01:00.0,scratch/virtfn0"}) {
        try {
            std::ignore = parse_devices({text});
            ADD_FAILURE() << text;
        } catch (const TextError& e) {
            EXPECT_THAT(e.what(), HasSubstr(std::string("found '") + text +
                                            "', expected NAME=BDF or NAME=BDF/virtfnN"));
        }
    }
}

}  // namespace
}  // namespace landfall

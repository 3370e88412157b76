#include "rig/kernel_config.hpp"

#include <gmock/gmock.h>

#include "landfall/error.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names(const std::vector<ConfigSymbol>& symbols) {
    std::vector<std::string> out;
    for (const ConfigSymbol& s : symbols) out.push_back(s.name + "=" + s.value);
    return out;
}

TEST(KernelConfig, ReadsSymbolsBetweenComments) {
    const auto symbols = parse_fragment(
        "# why\n"
        "CONFIG_PVH=y\n"
        "\n"
        "# CONFIG_MODULES is not set\n"
        "CONFIG_CMDLINE=\"a=b c\"",
        "f");
    EXPECT_THAT(names(symbols), ElementsAre("PVH=y", "MODULES=n", "CMDLINE=\"a=b c\""));
    EXPECT_EQ(symbols[1].line, 4U);
    EXPECT_EQ(symbols[1].file, "f");
}

std::string error_of(const std::string& text) {
    try {
        (void)parse_fragment(text, "lab.config");
    } catch (const TextError& e) {
        return e.what();
    }
    return "";
}

TEST(KernelConfig, RefusesWhatIsNoSymbol) {
    EXPECT_THAT(error_of("CONFIG_A=y\nPVH=y\n"), HasSubstr("lab.config:2:1: found 'PVH=y'"));
    EXPECT_THAT(error_of("CONFIG_A\n"), HasSubstr("lab.config:1:1"));
    EXPECT_THAT(error_of("CONFIG_A=\n"), HasSubstr("lab.config:1:1"));
}

TEST(KernelConfig, RefusesASymbolTwice) {
    EXPECT_THAT(error_of("CONFIG_A=y\nCONFIG_B=y\nCONFIG_A=y\n"),
                HasSubstr("lab.config:3:1: found 'CONFIG_A'"));
    EXPECT_THAT(error_of("CONFIG_A=y\n# CONFIG_A is not set\n"), HasSubstr("lab.config:2:1"));
}

TEST(KernelConfig, NamesWhatDidNotComeOut) {
    const auto wanted = parse_fragment(
        "CONFIG_PVH=y\nCONFIG_GONE=y\nCONFIG_NR_CPUS=8\n# CONFIG_OFF is not set\n# CONFIG_ON is not set\n",
        "f");
    const auto unmet =
        unmet_symbols(wanted, "CONFIG_PVH=y\nCONFIG_NR_CPUS=64\n# CONFIG_OFF is not set\nCONFIG_ON=y\n");
    EXPECT_THAT(names(unmet), ElementsAre("GONE=y", "NR_CPUS=8", "ON=n"));
    EXPECT_EQ(unmet[0].line, 2U);
}

TEST(KernelConfig, AbsentMeansNotSet) {
    EXPECT_THAT(unmet_symbols(parse_fragment("# CONFIG_OFF is not set\n", "f"), "CONFIG_A=y\n"), IsEmpty());
}

TEST(KernelConfig, OfSeveralFragmentsTheLastDecides) {
    auto wanted = parse_fragment("CONFIG_PVH=y\nCONFIG_SMP=y\n", "lab");
    for (auto& s : parse_fragment("# CONFIG_PVH is not set\n", "debug")) wanted.push_back(s);
    EXPECT_THAT(unmet_symbols(wanted, "CONFIG_SMP=y\n# CONFIG_PVH is not set\n"), IsEmpty());
    EXPECT_THAT(names(unmet_symbols(wanted, "CONFIG_PVH=y\n")), ElementsAre("SMP=y", "PVH=n"));
}

}  // namespace
}  // namespace landfall

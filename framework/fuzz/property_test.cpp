// Every fixture, and every text that fuzzing kept, against its property.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/property.hpp"
#include "source_dir.hpp"

namespace landfall::fuzz {

void PrintTo(const Property& property, std::ostream* out) { *out << property.name; }

namespace {

namespace fs = std::filesystem;
const fs::path kFixtures = fs::path(LANDFALL_SOURCE_DIR) / "fixtures";

std::string content(const fs::path& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
}

class Kept : public testing::TestWithParam<Property> {};

TEST_P(Kept, Holds) {
    auto folders = GetParam().seeds;
    const auto corpus = "corpus/" + std::string(GetParam().name);
    folders.push_back(corpus);
    for (const auto folder : folders) {
        unsigned files = 0;
        for (const auto& entry : fs::recursive_directory_iterator(kFixtures / folder)) {
            if (!entry.is_regular_file()) continue;
            ++files;
            EXPECT_NO_THROW(GetParam().hold(content(entry.path()))) << entry.path();
        }
        EXPECT_GT(files, 0U) << folder;
    }
}

INSTANTIATE_TEST_SUITE_P(Texts, Kept, testing::ValuesIn(properties()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Properties, ATextThatBreaksOneIsFound) {
    EXPECT_THROW(insist(false, "why"), std::logic_error);
    EXPECT_NO_THROW(insist(true, ""));
}

}  // namespace
}  // namespace landfall::fuzz

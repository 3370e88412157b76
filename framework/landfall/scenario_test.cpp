#include "landfall/scenario.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <streambuf>

#include "landfall/trace.hpp"
#include "source_dir.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

// A file that is gone when the test is.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string_view content)
        : path_(fs::temp_directory_path() / ("landfall-scenario-test." + std::to_string(::getpid()))) {
        std::ofstream(path_, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { fs::remove(path_); }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    fs::path path_;
};

template <class F>
TextError error_of(F&& read) {
    try {
        read();
    } catch (const TextError& e) {
        return e;
    }
    ADD_FAILURE() << "no error";
    return {{}, "", ""};
}

TextError error_in(std::string_view text) {
    return error_of([&] { (void)Scenario::parse(text, "f.scn"); });
}

TextError error_in_file(std::string_view content) {
    const TemporaryFile file(content);
    return error_of([&] { (void)Scenario::read(file.path()); });
}

TEST(Scenario, ReadsPrintsAndReadsAgain) {
    const std::string text = "# what it claims\n\nrequire same-group a b\nbuffer p1 4K\nioas one # here\n"
                             "map one 0x200000 p1 rw\nattach a one\ndma b write 0x200000+4K => lands p1\n";
    const auto scenario = Scenario::parse(text, "f.scn");
    EXPECT_EQ(scenario.print(), text);
    EXPECT_EQ(scenario.file, "f.scn");
    EXPECT_EQ(scenario.title(), "what it claims");
    EXPECT_EQ(scenario.devices(), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(scenario.lines.back().number, 8U);
}

TEST(Scenario, TitleIsTheFirstCommentBeforeAnyStep) {
    EXPECT_EQ(Scenario::parse("\n#\n#  a title \n# more\nioas one\n").title(), "a title");
    EXPECT_EQ(Scenario::parse("ioas one # late\n").title(), "");
    EXPECT_EQ(Scenario::parse("").title(), "");
}

TEST(Scenario, WindowsLineEndsAreLineEnds) {
    EXPECT_EQ(Scenario::parse("# title\r\nioas one\r\n").print(), "# title\nioas one\n");
}

TEST(Scenario, ATextNeedsNoLastNewlineButAFileDoes) {
    EXPECT_EQ(Scenario::parse("ioas one").lines.size(), 1U);
    EXPECT_THROW((void)Scenario::parse("ioas one # caf\xc3"), TextError);
    const auto e = error_in_file("ioas one\nattach a on");
    EXPECT_EQ(e.where().line, 2U);
    EXPECT_EQ(e.where().column, 12U);
    EXPECT_EQ(e.found(), "end of file");
    EXPECT_NE(e.expected().find("cut short"), std::string::npos);
}

TEST(Scenario, ADirectoryOrNoFileAtAllSaysSo) {
    EXPECT_EQ(error_of([] { (void)Scenario::read("/"); }).found(), "a directory");
    EXPECT_EQ(error_of([] { (void)Scenario::read("/nonexistent.scn"); }).found(), "No such file or directory");
}

TEST(Scenario, AFileThatOpensAndCannotBeReadSaysSo) {
    // Address 0 of no process is mapped: open works, read is EIO.
    const auto e = error_of([] { (void)Scenario::read("/proc/self/mem"); });
    EXPECT_EQ(e.where().file, "/proc/self/mem");
    EXPECT_EQ(e.expected(), "a readable file");
}

TEST(Scenario, InvalidUtf8IsRefusedWithItsColumn) {
    const std::pair<std::string_view, unsigned> cases[] = {
        {"# \xff\n", 3},           {"# \xc3\n", 3},          {"# \xc0\xaf\n", 3},         {"# \xe0\x80\x80\n", 3},
        {"# \xed\xa0\x80\n", 3},   {"# \xf0\x80\x80\x80\n", 3}, {"# \xf4\x90\x80\x80\n", 3}, {"# \x80\n", 3},
        {"# \xc3\xa9 \xfe\n", 6}, {"# \xe2\x82\n", 3},
    };
    for (const auto& [text, column] : cases) {
        const auto e = error_in(std::string("ioas one\n") + std::string(text));
        EXPECT_EQ(e.where().line, 2U);
        EXPECT_EQ(e.where().column, column) << text;
        EXPECT_EQ(e.expected(), "UTF-8 text");
    }
    EXPECT_EQ(error_in("# \xff\n").found(), "byte 0xff");
}

TEST(Scenario, ValidUtf8IsKept) {
    const std::string text = "# caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x9b\xac \xf4\x8f\xbf\xbf \xed\x9f\xbf\n";
    EXPECT_EQ(Scenario::parse(text).print(), text);
}

TEST(Scenario, NulIsNoText) {
    const auto e = error_in(std::string_view("ioas one\nioas\0two\n", 18));
    EXPECT_EQ(e.where().line, 2U);
    EXPECT_EQ(e.where().column, 5U);
    EXPECT_EQ(e.found(), "byte 0x0");
}

TEST(Scenario, ALineOfTheGreatestLengthIsReadAndOneByteMoreIsNot) {
    EXPECT_EQ(Scenario::parse("#" + std::string(kMaxLine - 1, 'x') + "\n").lines.size(), 1U);
    const auto e = error_in("ioas one\n#" + std::string(kMaxLine, 'x') + "\n");
    EXPECT_EQ(e.where().line, 2U);
    EXPECT_EQ(e.expected(), "a line of at most 64K bytes");
}

// A stream that never ends and never breaks its line. Counts what was taken from it.
class Endless : public std::streambuf {
  public:
    std::uint64_t taken = 0;

  protected:
    int_type underflow() override {
        std::ranges::fill(chunk_, 'x');
        setg(chunk_, chunk_, chunk_ + sizeof chunk_);
        taken += sizeof chunk_;
        return 'x';
    }

  private:
    char chunk_[4096];
};

TEST(LineReader, AnEndlessLineIsRefusedAfterKMaxLine) {
    Endless endless;
    std::istream in(&endless);
    LineReader reader(in, "pipe");
    std::string text;
    const auto e = error_of([&] { (void)reader.next(text); });
    EXPECT_EQ(e.where().line, 1U);
    EXPECT_LE(endless.taken, kMaxLine + 4096);
    EXPECT_LE(text.capacity(), 2 * kMaxLine);
}

TEST(LineReader, CountsLinesAndKnowsACutOne) {
    std::istringstream in("one\n\nthree");
    LineReader reader(in, "f");
    std::string text;
    EXPECT_TRUE(reader.next(text));
    EXPECT_EQ(text, "one");
    EXPECT_TRUE(reader.next(text));
    EXPECT_EQ(text, "");
    EXPECT_FALSE(reader.cut());
    EXPECT_TRUE(reader.next(text));
    EXPECT_EQ(text, "three");
    EXPECT_EQ(reader.number(), 3U);
    EXPECT_TRUE(reader.cut());
    EXPECT_FALSE(reader.next(text));
}

std::vector<fs::path> shipped() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(fs::path(LANDFALL_SOURCE_DIR) / "fixtures/scenarios"))
        if (entry.path().extension() == ".scn") out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

TEST(ShippedScenarios, AreValidCanonicalAndSayWhatTheyClaim) {
    const auto files = shipped();
    EXPECT_GE(files.size(), 30U);
    std::vector<std::string> titles;
    for (const auto& path : files) {
        SCOPED_TRACE(path.filename().string());
        Scenario scenario;
        ASSERT_NO_THROW(scenario = Scenario::read(path.string()));
        EXPECT_EQ(Scenario::parse(scenario.print()).lines, scenario.lines);
        ASSERT_FALSE(scenario.lines.empty());
        EXPECT_FALSE(scenario.lines[0].comment.empty()) << "the first line is the sentence it tests";
        EXPECT_FALSE(scenario.devices().empty());
        EXPECT_TRUE(std::ranges::any_of(scenario.lines, [](const Line& l) { return l.expected.has_value(); }));
        titles.push_back(scenario.title());
    }
    std::ranges::sort(titles);
    EXPECT_EQ(std::ranges::adjacent_find(titles), titles.end()) << "two scenarios claim the same";
}

// The code blocks of the manual in one language, each with the line it starts on.
std::vector<std::pair<unsigned, std::string>> manual_blocks(const std::string& language) {
    std::vector<std::pair<unsigned, std::string>> out;
    std::ifstream in(fs::path(LANDFALL_SOURCE_DIR) / "docs/scenarios.md");
    bool inside = false;
    unsigned number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (!inside && line == "```" + language) {
            inside = true;
            out.emplace_back(number, "");
        } else if (inside && line == "```") {
            inside = false;
        } else if (inside) {
            out.back().second += line + "\n";
        }
    }
    EXPECT_FALSE(inside) << "a block without an end";
    return out;
}

TEST(Manual, EveryExampleIsAValidScenario) {
    const auto blocks = manual_blocks("scn");
    EXPECT_GE(blocks.size(), 20U);
    for (const auto& [number, text] : blocks) {
        SCOPED_TRACE("docs/scenarios.md:" + std::to_string(number) + "\n" + text);
        Scenario scenario;
        ASSERT_NO_THROW(scenario = Scenario::parse(text, "docs/scenarios.md"));
        EXPECT_EQ(Scenario::parse(scenario.print()).lines, scenario.lines);
    }
}

// A verb the manual shows no example of is a verb nobody can learn.
TEST(Manual, ShowsEveryStep) {
    std::vector<bool> shown(std::variant_size_v<Step>);
    for (const auto& [number, text] : manual_blocks("scn"))
        for (const auto& line : Scenario::parse(text).lines)
            if (line.step() != nullptr) shown[line.step()->index()] = true;
    for (std::size_t i = 0; i < shown.size(); ++i) EXPECT_TRUE(shown[i]) << "step alternative " << i;
}

TEST(Manual, ItsTracesAreLinesOfTheGrammarWrittenCanonically) {
    const auto blocks = manual_blocks("trace");
    EXPECT_GE(blocks.size(), 3U);
    for (const auto& [number, text] : blocks) EXPECT_EQ(Trace::parse(text, "docs/scenarios.md").print(), text);
}

}  // namespace
}  // namespace landfall

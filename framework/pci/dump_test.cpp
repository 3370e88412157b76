#include "dump.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "landfall/error.hpp"
#include "landfall/line.hpp"

namespace landfall {
namespace {

std::string hex_lines(std::size_t bytes) {
    std::string out;
    for (std::size_t at = 0; at < bytes; at += 16) {
        out += fmt::format("{:02x}:", at);
        for (int i = 0; i < 16; ++i) out += " a5";
        out += '\n';
    }
    return out;
}

Dump read(const std::string& text) {
    std::istringstream in(text);
    return read_dump(in, "r.txt");
}

std::string error_of(const std::string& text) {
    try {
        (void)read(text);
    } catch (const TextError& e) {
        return e.what();
    }
    return "no error";
}

TEST(Dump, KeepsTheBytesAndDropsTheProse) {
    const auto dump = read("00:08.1 Unclassified device [00ff]: Device 1234:11e8 (rev 10)\n" +
                           std::string("\tCapabilities: ") + std::string(900, 'x') + "\n\tIOMMU group: 5\n" +
                           "\tKernel driver in use: vfio-pci\n" + hex_lines(64) +
                           "\n10000:01:00.0 Other\r\n" + hex_lines(256));
    EXPECT_EQ(dump.hex, "0000:00:08.1 \n" + hex_lines(64) + "\n10000:01:00.0 \n" + hex_lines(256) + "\n");
    const auto& note = dump.notes.at(*Bdf::parse("00:08.1"));
    EXPECT_EQ(note.driver, "vfio-pci");
    EXPECT_EQ(note.group, 5U);
    EXPECT_FALSE(dump.notes.at(*Bdf::parse("10000:01:00.0")).group);
}

TEST(Dump, SaysWhereBytesAreWrong) {
    EXPECT_EQ(error_of("00:01.0 X\n00: 86 8g\n"),
              "r.txt:2:7: found ' 8g', expected a space and a byte in two hex digits");
    EXPECT_EQ(error_of("00:01.0 X\n00: 86 8"),
              "r.txt:2:7: found ' 8', expected a space and a byte in two hex digits");
    EXPECT_EQ(error_of("00:01.0 X\n00:  86\n"),
              "r.txt:2:4: found '  8', expected a space and a byte in two hex digits");
    EXPECT_EQ(error_of("00:01.0 X\n00: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10\n"),
              "r.txt:2:52: found ' 10', expected at most 16 bytes a line");
}

TEST(Dump, OffsetsLeaveNoGapAndNeverLeaveTheConfigSpace) {
    EXPECT_EQ(error_of("00:01.0 X\n00: 86\n10: 00\n"), "r.txt:3:1: found '10', expected offset 01");
    // The offset that makes libpci write in front of its buffer.
    EXPECT_EQ(error_of("00:01.0 X\n80000000: 41\n"), "r.txt:2:1: found '80000000', expected offset 00");
    EXPECT_EQ(error_of("00:01.0 X\n" + hex_lines(4096 + 16)),
              "r.txt:258:6: found ' a5', expected at most 4096 bytes of config space");
}

TEST(Dump, AFunctionIsWholeAndThereOnce) {
    EXPECT_EQ(
        error_of("\n00:01.0 X\n" + hex_lines(48)),
        "r.txt:2:1: found '0000:00:01.0 with 48 bytes of config space', expected 64, 256 or 4096 of them: "
        "the whole output of lspci -x, -xxx or -xxxx");
    EXPECT_EQ(error_of("00:01.0 X\n" + hex_lines(64) + "00:01.0 X\n"),
              "r.txt:6:1: found '0000:00:01.0', expected every function once");
    EXPECT_EQ(error_of("00: 86 80\n"),
              "r.txt:1:1: found '00: 86 80', expected a function's address before its bytes");
    EXPECT_EQ(error_of("123456:00:01.0 X\n"),
              "r.txt:1:1: found '123456:00:01.0 X', expected a PCI domain of at most five digits");
}

TEST(Dump, RefusesWhatIsNoDump) {
    EXPECT_EQ(error_of(""), "r.txt: expected the output of lspci -xxxx");
    EXPECT_EQ(error_of("hello\n"), "r.txt: expected the output of lspci -xxxx");
    EXPECT_NE(error_of("00:01.0 " + std::string(kMaxLine, 'x')).find("r.txt:1: found"), std::string::npos);
    EXPECT_NE(error_of(std::string("00:01.0 \x1b\0", 10)).find("r.txt:1:10: found 'byte 0x0'"),
              std::string::npos);
    EXPECT_EQ(error_of("00:01.0 X\n\tKernel driver in use: \x1b[2J\n"),
              "r.txt:2:24: found '\x1b[2J', expected the name of a driver");
    EXPECT_EQ(error_of("00:01.0 X\n\tIOMMU group: -1\n"), "r.txt:2:15: found '-1', expected a group number");
}

}  // namespace
}  // namespace landfall

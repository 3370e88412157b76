#include "landfall/divergence.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "source_dir.hpp"

namespace landfall {
namespace {

constexpr const char* kRig[] = {
    "kernel \"7.3.4\"",
    "device a 0000:00:08.0 1234:11e8 group 2 engine edu",
    "device b 0000:00:08.1 1234:11e8 group 2 engine edu",
    "reserved 2 0xfee00000+1M",
    "staging 0x70000000+1M",
};

// Each copy doubles what there is to copy: more mappings than are followed.
Trace copies() {
    std::string text = "buffer p 4K\nioas one bare\nmap one 0x0 p rw\n";
    for (unsigned i = 0; i < 40; ++i)
        text += fmt::format("ioas-copy one {0:#x} one 0x0+{0:#x} rw\n", kPageSize << i);
    auto trace = Trace::parse(text);
    std::uint64_t now = 0;
    for (auto& line : trace.lines) {
        line.when = Interval{{++now}, {++now}};
        line.observed = Answer{};
    }
    return trace;
}

// The scenario as a run in which everything came out as it says. Lines keep the numbers they have in the
// file.
Trace run_of(const std::string& scenario) {
    Trace trace;
    for (const auto* fact : kRig) trace.lines.push_back(parse_line(fact, "<rig>", 0));
    std::ifstream in(LANDFALL_SOURCE_DIR "/fixtures/scenarios/" + scenario);
    std::uint64_t steps = 0;
    std::string text;
    for (unsigned n = 1; std::getline(in, text); ++n) {
        auto line = parse_line(text, scenario, n);
        if (line.step() == nullptr) continue;
        ++steps;
        line.when = Interval{{100 * n}, {100 * n + 50}};
        line.observed = line.expected.value_or(Answer{});
        if (auto* landing = std::get_if<Landing>(&*line.observed)) {
            landing->status = Landing::Status::done;
            landing->seq = steps;
        }
        trace.lines.push_back(std::move(line));
    }
    trace.lines.push_back({0, 0, {}, Fact{EndFact{steps}}, {}, {}, {}});
    return trace;
}

std::string text_of(const char* scenario, const char* one, const char* other) {
    const auto trace = run_of(scenario);
    CheckOptions options;
    options.model = one;
    return divergence_text(trace, diverge(trace, options, other));
}

TEST(Divergence, EndsWhereThereIsTooMuchToFollow) {
    const auto d = diverge(copies(), {}, "v2-2023");
    for (const auto& verdict : d.verdicts)
        EXPECT_NE(verdict.reason.find("more than 65536 mappings at once"), std::string::npos) << verdict.reason;
}

TEST(Divergence, AnOwnerWhoKnowsNothingOfGroups) {
    EXPECT_EQ(text_of("group-replace.scn", "iommufd", "per-device"), R"(a: the models agree throughout
b from line 18 'attach a one' until line 19 'attach b one'
    iommufd     one
    per-device  none
b from line 24 'replace a two' until line 33 'replace b two'
    iommufd     two
    per-device  one
answers: the models owe the same ones
verdicts
    iommufd     pass; 18 steps, 5 DMAs, 0 faults
    per-device  violation: landing (line 26), completeness (line 30); 18 steps, 5 DMAs, 0 faults
                  landing: b's write of 0x200000+4K landed in p2: wrong domain: the group was never on 'two'
                  completeness: b's write of 0x300000+4K landed nowhere, though 'one' maps it to p3 throughout
)");
}

TEST(Divergence, TheBooksOf2023) {
    EXPECT_EQ(text_of("group-replace.scn", "iommufd", "v2-2023"), R"(a: the models agree throughout
b from line 24 'replace a two' until line 33 'replace b two'
    iommufd  two
    v2-2023  two, told one
answers: the models owe the same ones
verdicts
    iommufd  pass; 18 steps, 5 DMAs, 0 faults
    v2-2023  violation: view (line 26), view (line 29); 18 steps, 5 DMAs, 0 faults
               view: b's books say 'one', its DMA went through 'two': b's write of 0x200000+4K landed in p2
               view: b's books say 'one', but its DMA goes through 'two': it will not see 'map one 0x300000 p3 rw'
)");
}

TEST(Divergence, AnswersThatOnlyOneModelOwes) {
    EXPECT_EQ(text_of("thread-old-domain-is-free.scn", "iommufd", "v2-2023"),
              R"(a: the models agree throughout
b from line 13 'replace a h2' to the end
    iommufd  h2
    v2-2023  h2, told h1
line 14 'destroy h1' answered ok
    iommufd  ok
    v2-2023  EBUSY: 1 device(s) are attached to 'h1'
line 15 'destroy one' answered ok
    iommufd  ok
    v2-2023  EBUSY: 'one' has 1 page table(s)
verdicts
    iommufd  pass; 16 steps, 1 DMA, 0 faults
    v2-2023  violation: outcome (line 14), outcome (line 15), view (line 17); 16 steps, 1 DMA, 0 faults
               outcome: 'destroy h1' answered ok, the kernel owes EBUSY: 1 device(s) are attached to 'h1'
               outcome: 'destroy one' answered ok, the kernel owes EBUSY: 'one' has 1 page table(s)
               view: b's books say 'h1', its DMA went through 'h2': b's write of 0x200000+64 landed in p2[0x0+64]
)");
}

TEST(Divergence, AModelAgreesWithItself) {
    const auto d = diverge(run_of("group-replace.scn"), {}, "iommufd");
    EXPECT_TRUE(d.partings.empty() && d.disputes.empty());
    EXPECT_EQ(d.verdicts[0].kind, Verdict::Kind::pass);
    EXPECT_EQ(d.verdicts[1].kind, Verdict::Kind::pass);
}

}  // namespace
}  // namespace landfall

// A test of a model is a little scenario: what stands behind "=>" is the model's own answer (a step without
// one answers ok), and a comment says where devices are after the step: `a:two` for the domain a's DMA goes
// through, `a~one` for what its owner was told, "-" for none.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "landfall/model.hpp"

namespace landfall {

/// What the changes of a model say about devices.
class Views {
  public:
    void apply(const std::vector<Change>& changes) {
        for (const auto& change : changes)
            std::visit(Overloaded{
                           [&](const DeviceAppeared& c) { unit_[c.device] = c.group; },
                           [&](const GroupMoved& c) { domain_[c.group] = c.space ? c.domain : "-"; },
                           [&](const DeviceDeclared& c) { told_[c.device] = c.space ? c.domain : "-"; },
                           [](const auto&) {},
                       },
                       change);
    }
    [[nodiscard]] std::string view(const std::string& device) const {
        return get(domain_, unit_.at(device), "-");
    }
    [[nodiscard]] std::string told(const std::string& device) const {
        return get(told_, device, view(device));
    }

  private:
    template <class M>
    static std::string get(const M& map, const typename M::key_type& key, const std::string& otherwise) {
        const auto it = map.find(key);
        return it == map.end() ? otherwise : it->second;
    }
    std::map<std::string, std::uint32_t> unit_;
    std::map<std::uint32_t, std::string> domain_;
    std::map<std::string, std::string> told_;
};

class ModelTest : public testing::Test {
  protected:
    static constexpr const char* kRig =
        "kernel \"7.3.4\"\n"
        "device a 0000:00:08.0 1234:11e8 group 2 engine edu\n"
        "device b 0000:00:08.1 1234:11e8 group 2 engine edu\n"
        "device c 0000:00:09.0 1234:11e8 group 3 engine edu\n"
        "reserved 2 0xfee00000+1M\n"
        "reserved 3 0xfee00000+1M\n"
        "staging 0x70000000+1M\n";

    ModelTest() { rig(kRig); }

    void rig(const std::string& facts, const char* name = "iommufd") {
        model = make_model(name);
        views = {};
        each(facts, [&](const Line& line) { views.apply(model->fact(*line.fact())); });
    }
    void run(const std::string& steps) {
        each(steps, [&](const Line& line) {
            if (line.step() == nullptr) return;
            const auto want = line.expected ? std::get<Answer>(*line.expected) : Answer{};
            const auto prediction = model->predict(*line.step());
            EXPECT_TRUE(prediction.allows(want) || (want.error.ok() && !want.value && allows_ok(prediction)))
                << print(line) << ": the model says " << prediction.str() << ", " << prediction.because;
            EXPECT_EQ(model->objection(*line.step(), want), "") << print(line);
            changes = model->apply(*line.step(), want);
            views.apply(changes);
            look(line);
        });
    }
    std::string object(const std::string& step) {
        const auto line = parse_line(step, "<test>", 1);
        return model->objection(*line.step(), std::get<Answer>(*line.expected));
    }
    template <class T>
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(changes, [](const Change& c) { return std::holds_alternative<T>(c); }));
    }

    std::unique_ptr<Model> model;
    Views views;
    std::vector<Change> changes;  ///< of the last step

  private:
    void look(const Line& line) const {
        std::istringstream words(line.comment);
        for (std::string word; words >> word;) {
            const auto at = word.find_first_of(":~");
            if (at == std::string::npos) continue;  // prose
            const auto device = word.substr(0, at);
            EXPECT_EQ(word[at] == ':' ? views.view(device) : views.told(device), word.substr(at + 1))
                << print(line);
        }
    }
    static bool allows_ok(const Prediction& p) {
        return !p.any_error && (p.allowed.empty() || p.allows({Errno{}, p.value, {}}));
    }
    template <class F>
    static void each(const std::string& text, F f) {
        std::istringstream in(text);
        std::string line;
        for (unsigned n = 1; std::getline(in, line); ++n) f(parse_line(line, "<test>", n));
    }
};

}  // namespace landfall

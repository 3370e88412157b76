// What every device may have seen over the whole run. The checker's History forgets what no DMA can ask about
// any more; a page that is scrubbed back and forth may ask about all of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "landfall/history.hpp"

namespace landfall {

class ViewLog {
  public:
    struct Gate {
        bool open = true;  ///< the device may put something on the bus
        Lifetime life;
    };
    /// The domain the last attach named: what the owner of the device believes. Empty: none.
    struct Declared {
        std::string domain;
        Lifetime life;
    };
    struct Mapped {
        SpaceId space;
        MappingSpell spell;
    };

    /// Throws TextError if there is no such model.
    explicit ViewLog(const std::string& model) : model_(make_model(model)) {}

    [[nodiscard]] std::string_view model() const { return model_->name(); }
    void fact(const Fact& fact);
    /// A control step with its times.
    void step(const Line& line, const Answer& answer);

    /// By name of the device: what moves as one with it, a group or whatever the model takes for one.
    [[nodiscard]] const std::map<std::string, std::uint32_t>& units() const { return units_; }
    [[nodiscard]] const std::vector<std::string>& spaces() const { return spaces_; }
    [[nodiscard]] const std::map<std::uint32_t, std::vector<DomainSpell>>& domains() const {
        return domains_;
    }
    [[nodiscard]] const std::map<std::string, std::vector<Gate>>& gates() const { return gates_; }
    [[nodiscard]] const std::map<std::string, std::vector<Declared>>& declared() const { return declared_; }
    /// In the order they were made.
    [[nodiscard]] const std::vector<Mapped>& mappings() const { return mappings_; }

  private:
    void apply(const Change& change, const std::optional<Interval>& when, unsigned line);
    void appeared(const DeviceAppeared& change);
    void unmap(const AreaUnmapped& change, const std::optional<Interval>& when, unsigned line);
    void declare(const Line& line);

    std::unique_ptr<Model> model_;
    std::map<std::string, std::uint32_t> units_;
    std::vector<std::string> spaces_;
    std::map<std::uint32_t, std::vector<DomainSpell>> domains_;
    std::map<std::string, std::vector<Gate>> gates_;
    std::map<std::string, std::vector<Declared>> declared_;
    std::vector<Mapped> mappings_;
    std::map<std::pair<SpaceId, Iova>, std::size_t> live_;  ///< into mappings_
};

}  // namespace landfall

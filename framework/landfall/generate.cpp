#include "landfall/generate.hpp"

#include <set>

#include "landfall/generate_steps.hpp"

namespace landfall {
namespace {

// How the steps follow each other.
class Generator : StepGenerator {
  public:
    using StepGenerator::StepGenerator;

    Scenario run() {
        begin();
        choices_.extend(0, options_.most_steps, [this, first = draft_.lines.size()] {
            move(0);
            return draft_.lines.size() - first;
        });
        last_look();
        return {"<generated>", with_requirements()};
    }

  private:
    // ---- the objects a scenario begins with
    void begin() {
        for (auto n = 3 + below(3); n > 0; --n)
            spots_.push_back(rarely(3) ? kIdentity + kPageSize * below(kIdentityPages) : one_of(kSpots));
        repeat(2, 3, [this] { buffer(); });
        repeat(1, 3, [this] { ioas(); });
        for (auto& space : draft_.spaces) {
            repeat(1, 3, [&] { map(space); });
            repeat(0, 2, [&] { hwpt(space); });
        }
        for (auto& d : draft_.devices)
            if (mostly(4)) attach(d, *target());
    }

    // ---- attach, replace, detach
    void attach(Device& d, const Domain& to) {
        if (containers() && d.domain != to.name && draft_.lane == 0 && mostly(4)) leave(d.group);
        draft_.add(Attach{d.name, to.name, !d.domain.empty() && !containers()});
    }
    /// A group must have left its container before it can join another.
    void leave(std::size_t group) {
        for (auto& d : draft_.devices)
            if (d.group == group && !d.domain.empty()) draft_.add(Detach{d.name});
    }
    /// What a look after the move is worth: something the new domain maps, or the old one did.
    void look_at(const Domain& to) {
        const auto& areas = draft_.spaces[to.space].areas;
        for (auto n = below(3); n > 0; --n)
            probe(areas.empty() || rarely(3) ? IovaRange{spot(), kPageSize} : one_of(areas).range);
    }
    void move_group() {
        auto& d = any_device();
        const auto* to = target();
        if (to == nullptr) return;
        if (mostly(3)) dma();
        attach(d, *to);
        look_at(*to);
    }
    /// Away and back again, and where it is already.
    void chain() {
        auto& d = any_device();
        const auto *there = target(), *back = draft_.domain(d.domain);
        if (there == nullptr) return;
        attach(d, *there);
        look_at(*there);
        if (back == nullptr || !back->alive || (destroying_ && !back->manual)) back = there;
        attach(d, *back);
        look_at(*back);
    }
    void detach() {
        auto& d = any_device();
        if (mostly(2)) dma();
        draft_.add(Detach{d.name});
        for (auto n = below(2) + 1; n > 0; --n) dma();
    }

    // ---- objects
    void make() {
        auto* space = living();
        switch (weighted({3, 2, 2})) {
            case 1:
                if (draft_.spaces.size() < 4) ioas();
                break;
            case 2: buffer(); break;
            default:
                if (space != nullptr) hwpt(*space);
                if (draft_.domains.back().manual && draft_.domains.back().alive && rarely(2))
                    attach(any_device(), draft_.domains.back());
        }
    }
    void destroy() {
        auto* what = target();
        if (what == nullptr) return;
        if (mostly(3)) dma();
        draft_.add(Destroy{what->name});
        if (mostly(2)) dma();
        if (!what->alive && lanes_ == 0) ask_the_dead(*what);
    }
    /// At once, while nothing else can have been given its id.
    void ask_the_dead(const Domain& what) {
        const auto spot = this->spot();
        for (auto n = below(3); n > 0; --n) {
            switch (below(what.manual ? 2 : 5)) {
                case 1: draft_.add(Attach{any_device().name, what.name, false}); break;
                case 2: draft_.add(Unmap{what.name, IovaRange{spot, kPageSize}}); break;
                case 3: draft_.add(Ranges{what.name}); break;
                case 4:
                    draft_.add(Map{what.name, spot, {one_of(draft_.buffers).name, {}}, {true, true}, false});
                    break;
                default: draft_.add(Destroy{what.name});
            }
        }
    }
    void settings() {
        auto* space = living();
        if (space == nullptr) return;
        const auto at = spot();
        if (containers()) return draft_.add(Ranges{space->name});
        switch (weighted({4, 2, 2, 1, 1})) {
            case 1: draft_.add(Option{space->name, below(2) == 1}); break;
            case 2: draft_.add(Allow{space->name, {{at, kPageSize * (1 + below(8))}}}); break;
            case 3: draft_.add(Allow{space->name, {}}); break;
            case 4:
                draft_.add(Allow{space->name, {{at, 2 * kPageSize}, {at + kPageSize * below(4), kPageSize}}});
                break;
            default: draft_.add(Ranges{space->name});
        }
    }

    // ---- the device itself
    using Control = DeviceControl::Verb;
    void control() {
        auto& d = any_device();
        if (rarely(2) && has("reset") && !d.pump) return draft_.add(DeviceControl{Control::reset, d.name});
        if (d.busy) return;
        if (!d.open) return draft_.add(DeviceControl{Control::open, d.name});
        if (rarely(6)) return draft_.add(DeviceControl{Control::open, d.name});
        draft_.add(DeviceControl{Control::close, d.name});
        if (rarely(3)) draft_.add(Detach{d.name});
        if (rarely(3)) draft_.add(DeviceControl{Control::close, d.name});
        for (auto n = below(2); n > 0; --n) dma();
        if (mostly(6)) draft_.add(DeviceControl{Control::open, d.name});
        if (d.open && target() != nullptr && mostly(3)) attach(d, *target());
    }
    void rest() { draft_.add(Sleep{{1000 * (1 + below(100))}}); }

    // ---- at the same time
    void in_flight(unsigned depth) {
        auto* d = idle();
        if (d == nullptr || !options_.background) return dma();
        draft_.add(Start{request(*d, aim(*d), true)});
        move(depth + 1);
        draft_.add(Wait{d->name});
    }
    void pumped(unsigned depth) {
        auto* d = idle();
        if (d == nullptr || !options_.background) return dma();
        draft_.add(Pump{request(*d, aim(*d), true)});
        for (auto n = 1 + below(3); n > 0; --n) move(depth + 1);
        draft_.add(Halt{d->name});
    }
    /// Devices are opened, closed and reset on their own: what a step beside that meets is nowhere written.
    /// Where an object is destroyed nothing is made beside it, that might be given its id.
    void side_by_side() {
        if (!options_.lanes) return dma();
        if (rarely(4)) return tug_of_war();
        draft_.certain = false;
        lanes_ = 2 + below(2);
        destroying_ = rarely(4);
        for (draft_.lane = 1; draft_.lane <= lanes_; ++draft_.lane)
            for (auto n = 1 + below(2); n > 0; --n) lane_step();
        lanes_ = draft_.lane = 0;
        destroying_ = false;
        for (auto n = below(3); n > 0; --n) dma();
    }
    /// All members of a group are moved at the same time, each to somewhere else, and look where they are.
    void tug_of_war() {
        const auto group = any_device().group;
        if (target() == nullptr) return;
        draft_.certain = false;
        for (auto& d : draft_.devices)
            if (d.group == group && ++draft_.lane <= kMaxLane) attach(d, *target());
        draft_.lane = 0;
        for (const auto& d : draft_.devices)
            if (d.group == group && d.open && !d.busy) draft_.add(View{d.name});
    }
    void lane_step() {
        auto* space = living();
        const auto* to = target();
        switch (weighted({4, 3, 3, 3, 1, 1, 1, 1})) {
            case 1:
                if (space != nullptr) map(*space);
                break;
            case 2:
                if (space != nullptr) draft_.add(Unmap{space->name, condemned(*space)});
                break;
            case 3:
                if (to != nullptr) attach(any_device(), *to);
                break;
            case 4: draft_.add(Detach{any_device().name}); break;
            case 5:
                if (destroying_)
                    destroy();
                else if (space != nullptr)
                    hwpt_for_later(*space);
                break;
            case 6: copy(); break;
            case 7: view(); break;
            default: dma();
        }
    }
    /// What a lane makes the others do not know; the block passed, nobody is sure that it was made.
    void hwpt_for_later(const Space& space) {
        const auto before = draft_.domains.size();
        hwpt(space);
        draft_.domains.resize(before);
    }

    void move(unsigned depth) {
        switch (
            weighted({8, 6, 8, 9, 2, 2, 3, 3, 2, 2, 2, 4, 3, 3, depth < 2 ? 3U : 0, depth < 2 ? 3U : 0, 1})) {
            case 1: return map_and_look();
            case 2: return unmap();
            case 3: return move_group();
            case 4: return detach();
            case 5: return view();
            case 6: return copy();
            case 7: return make();
            case 8: return destroy();
            case 9: return control();
            case 10: return settings();
            case 11: return chain();
            case 12: return side_by_side();
            case 13: return probe({spot(), kPageSize});
            case 14: return in_flight(depth);
            case 15: return pumped(depth);
            case 16: return rest();
            default: return dma();
        }
    }
    /// Whatever went wrong before, somebody's DMA is where it should not be.
    void last_look() {
        for (const auto& d : draft_.devices) {
            if (!d.open) continue;
            draft_.add(View{d.name});
            draft_.add(Dma{request(d, aim(d))});
        }
        if (has("witness") && rarely(8)) draft_.add(Witness{});  // as every run ends with one, few need it
    }

    [[nodiscard]] std::vector<Line> with_requirements() {
        std::set<std::string> features;
        for (const auto& line : draft_.lines) {
            if (const auto* m = std::get_if<Map>(line.step()); m != nullptr && m->file)
                features.insert("map-file");
            if (const auto* b = std::get_if<Buffer>(line.step()); b != nullptr && b->huge)
                features.insert("huge-buffers");
            if (const auto* c = std::get_if<DeviceControl>(line.step());
                c != nullptr && c->verb == Control::reset)
                features.insert("reset");
            if (std::get_if<Hwpt>(line.step()) != nullptr) features.insert("hwpt");
            if (std::get_if<Witness>(line.step()) != nullptr) features.insert("witness");
        }
        std::vector<Line> out;
        const auto require = [&](Require::Kind kind, std::vector<std::string> names) {
            out.emplace_back().body = Step{Require{kind, std::move(names)}};
        };
        for (const auto& group : options_.groups)
            if (group.size() > 1) require(Require::Kind::same_group, group);
        if (options_.groups.size() > 1) {
            std::vector<std::string> firsts;
            for (const auto& group : options_.groups) firsts.push_back(group.front());
            require(Require::Kind::different_groups, firsts);
        }
        for (const auto& f : features) require(Require::Kind::feature, {f});
        std::ranges::move(draft_.lines, std::back_inserter(out));
        return out;
    }
};

}  // namespace

Scenario generate(Choices& choices, const GenerateOptions& options) {
    return Generator(choices, options).run();
}

}  // namespace landfall

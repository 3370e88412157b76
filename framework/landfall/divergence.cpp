#include "landfall/divergence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "landfall/model.hpp"
#include "landfall/report.hpp"

namespace landfall {
namespace {

// Where one model puts every device, step after step.
class Follower {
  public:
    explicit Follower(const std::string& name) : model_(make_model(name)) {}

    void fact(const Fact& fact) { apply(model_->fact(fact)); }
    [[nodiscard]] std::string owed(const Step& step) const {
        const auto p = model_->predict(step);
        return p.str() + (p.because.empty() ? "" : ": " + p.because);
    }
    [[nodiscard]] bool agrees_with(const Follower& other, const Step& step) const {
        return model_->predict(step).str() == other.model_->predict(step).str();
    }
    void step(const Step& step, const Answer& answer) { apply(model_->apply(step, answer)); }

    [[nodiscard]] std::string view(const std::string& device) const {
        const auto unit = units_.find(device);
        if (unit == units_.end()) return "unknown";
        auto out = name(domains_, unit->second);
        const auto told = books_.contains(device) ? name(books_, device) : out;
        return told == out ? out : out + ", told " + told;
    }

  private:
    template <class Map>
    static std::string name(const Map& domains, const typename Map::key_type& key) {
        const auto it = domains.find(key);
        return it == domains.end() || it->second.empty() ? "none" : it->second;
    }
    void apply(const std::vector<Change>& changes) {
        for (const auto& change : changes)
            std::visit(Overloaded{
                           [&](const DeviceAppeared& c) { units_[c.device] = c.group; },
                           [&](const GroupMoved& c) { domains_[c.group] = c.domain; },
                           [&](const DeviceDeclared& c) { books_[c.device] = c.domain; },
                           [](const auto&) {},
                       },
                       change);
    }

    std::unique_ptr<Model> model_;
    std::map<std::string, std::uint32_t> units_;
    std::map<std::uint32_t, std::string> domains_;
    std::map<std::string, std::string> books_;
};

class Comparison {
  public:
    explicit Comparison(Divergence& out) : out_(out), first_(out.models[0]), second_(out.models[1]) {}

    void take(const Line& line) {
        if (const auto* fact = line.fact()) {
            first_.fact(*fact);
            second_.fact(*fact);
            const auto* device = std::get_if<DeviceFact>(fact);
            if (device != nullptr && device->name != "-" &&
                std::ranges::find(out_.devices, device->name) == out_.devices.end())
                out_.devices.push_back(device->name);
        }
        const auto* answer = line.observed ? std::get_if<Answer>(&*line.observed) : nullptr;
        if (line.step() == nullptr || answer == nullptr) return;
        dispute(line, *answer);
        first_.step(*line.step(), *answer);
        second_.step(*line.step(), *answer);
        for (const auto& device : out_.devices) compare(device, line.number);
    }

  private:
    void dispute(const Line& line, const Answer& answer) {
        const auto& step = *line.step();
        if (first_.agrees_with(second_, step)) return;
        out_.disputes.push_back(
            {line.number, print(Outcome{answer}), {first_.owed(step), second_.owed(step)}});
    }

    void compare(const std::string& device, unsigned line) {
        const std::array views{first_.view(device), second_.view(device)};
        const auto running = open_.find(device);
        if (running != open_.end()) {
            auto& parting = out_.partings[running->second];
            if (parting.views == views) return;
            parting.until = line;
            open_.erase(running);
        }
        if (views[0] == views[1]) return;
        open_[device] = out_.partings.size();
        out_.partings.push_back({device, views, line, 0});
    }

    Divergence& out_;
    Follower first_, second_;
    std::map<std::string, std::size_t> open_;  ///< partings that last, by device
};

// ---- as text ----------------------------------------------------------------------------------------------

class Writer {
  public:
    Writer(const Trace& trace, const Divergence& divergence) : trace_(trace), d_(divergence) {
        for (const auto& model : d_.models) width_ = std::max(width_, model.size());
    }

    std::string text() {
        for (const auto& device : d_.devices) write_device(device);
        for (const auto& dispute : d_.disputes) {
            out_ += fmt::format("{} answered {}\n", step(dispute.line), dispute.observed);
            pair(dispute.owed);
        }
        out_ += d_.disputes.empty() ? "answers: the models owe the same ones\nverdicts\n" : "verdicts\n";
        pair({verdict(0), verdict(1)});
        return std::move(out_);
    }

  private:
    void write_device(const std::string& device) {
        bool apart = false;
        for (const auto& parting : d_.partings) {
            if (parting.device != device) continue;
            apart = true;
            out_ += fmt::format("{} from {} {}\n", device, step(parting.from),
                                parting.until == 0 ? "to the end" : "until " + step(parting.until));
            pair(parting.views);
        }
        if (!apart) out_ += device + ": the models agree throughout\n";
    }

    void pair(const std::array<std::string, 2>& texts) {
        for (std::size_t i = 0; i < 2; ++i)
            out_ += fmt::format("    {:<{}}  {}\n", d_.models[i], width_, texts[i]);
    }

    [[nodiscard]] std::string step(unsigned number) const {
        const auto it = std::ranges::find(trace_.lines, number, &Line::number);
        return fmt::format("line {} '{}'", number, it == trace_.lines.end() ? "" : print(*it->step()));
    }

    [[nodiscard]] std::string verdict(std::size_t model) const {
        const auto& v = d_.verdicts[model];
        auto out = summary(v);
        for (const auto& violation : v.violations)
            out += fmt::format("\n    {:<{}}    {}: {}", "", width_, violation.rule, violation.summary);
        return out;
    }

    const Trace& trace_;
    const Divergence& d_;
    std::size_t width_ = 0;
    std::string out_;
};

}  // namespace

Divergence diverge(const Trace& trace, const CheckOptions& options, const std::string& other) {
    Divergence out;
    out.models = {options.model, other};
    auto with_other = options;
    with_other.model = other;
    out.verdicts = {check(trace, options), check(trace, with_other)};
    Comparison comparison(out);
    try {
        for (const auto& line : trace.lines) comparison.take(line);
    } catch (const TooManyMappings&) {  // both verdicts say so
    }
    return out;
}

std::string divergence_text(const Trace& trace, const Divergence& divergence) {
    return Writer(trace, divergence).text();
}

}  // namespace landfall

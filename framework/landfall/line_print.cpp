#include <fmt/format.h>

#include "landfall/line.hpp"

namespace landfall {
namespace {

std::string iova_or_auto(const std::optional<Iova>& iova) { return iova ? hex_str(iova->value) : "auto"; }

std::string require_kind(Require::Kind kind) {
    switch (kind) {
        case Require::Kind::same_group: return "same-group";
        case Require::Kind::different_groups: return "different-groups";
        case Require::Kind::engine: return "engine";
        case Require::Kind::feature: return "feature";
    }
    return {};
}

std::string print_segments(std::string_view verb, std::string_view none, const std::vector<Segment>& segments) {
    if (segments.size() == 1 && !segments[0].place) return fmt::format(" {}", none);
    std::string out = fmt::format(" {}", verb);
    for (const auto& s : segments)
        out += s.place ? " " + print(*s.place) : fmt::format(" {}+{}", none, size_str(s.length));
    return out;
}

std::string print_landing(const Landing& l) {
    std::string out;
    if (l.status)
        out += *l.status == Landing::Status::done ? " done" : *l.status == Landing::Status::error ? " error" : " timeout";
    if (l.seq) out += fmt::format(" seq {}", *l.seq);
    if (!l.from.empty()) out += print_segments("from", "nothing", l.from);
    if (!l.lands.empty()) out += print_segments("lands", "nowhere", l.lands);
    if (!l.also.empty()) out += print_segments("also", {}, l.also);
    return out.empty() ? out : out.substr(1);
}

std::string print_answer(const Answer& a) {
    if (!a.error.ok()) return a.error.str();
    std::string out = "ok";
    if (a.value) out += " " + hex_str(*a.value);
    for (const auto& r : a.ranges) out += " " + print(r);
    return out;
}

}  // namespace

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (u < 0x20 || u >= 0x7f) {
            out += fmt::format("\\x{:02x}", u);
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string print(const IovaRange& r) { return hex_str(r.start.value) + "+" + size_str(r.length); }

std::string print(const BufferSlice& s) {
    if (!s.span) return s.buffer;
    return fmt::format("{}[{}+{}]", s.buffer, hex_str(s.span->offset), size_str(s.span->length));
}

std::string print(const GuestRange& r) { return hex_str(r.start.value) + "+" + size_str(r.length); }

std::string print(const GuestPlace& p) {
    return fmt::format("guest {} seq {} {}", print(p.range), p.seq, quote(p.use));
}

std::string print(const DmaRequest& d) {
    switch (d.verb) {
        case DmaRequest::Verb::write: return fmt::format("{} write {}", d.device, print(d.range));
        case DmaRequest::Verb::read: return fmt::format("{} read {}", d.device, print(d.range));
        case DmaRequest::Verb::copy:
            return fmt::format("{} copy {} to {}", d.device, print(d.range), hex_str(d.target.value_or(Iova{}).value));
    }
    return {};
}

std::string print(const Step& step) {
    return std::visit(
        Overloaded{
            [](const Require& s) {
                return fmt::format("require {} {}", require_kind(s.kind), fmt::join(s.names, " "));
            },
            [](const Buffer& s) {
                auto out = fmt::format("buffer {} {}", s.name, size_str(s.size));
                if (s.huge) out += " huge";
                if (s.scattered) out += " scattered";
                if (s.memfd) out += " memfd";
                if (s.read_only) out += *s.read_only == s.whole() ? " ro" : " " + print(BufferSlice{"ro", s.read_only});
                if (s.skew != 0) out += fmt::format(" skew {}", size_str(s.skew));
                return out;
            },
            [](const Ioas& s) { return fmt::format("ioas {}{}", s.name, s.bare ? " bare" : ""); },
            [](const Hwpt& s) { return fmt::format("hwpt {} {} {}", s.name, s.ioas, s.device); },
            [](const Map& s) {
                return fmt::format("{} {} {} {} {}", s.file ? "map-file" : "map", s.ioas, iova_or_auto(s.iova),
                                   print(s.memory), s.access.str());
            },
            [](const IoasCopy& s) {
                return fmt::format("ioas-copy {} {} {} {} {}", s.destination, iova_or_auto(s.iova), s.source,
                                   print(s.range), s.access.str());
            },
            [](const Unmap& s) { return fmt::format("unmap {} {}", s.ioas, s.range ? print(*s.range) : "all"); },
            [](const Attach& s) {
                return fmt::format("{} {} {}", s.replace ? "replace" : "attach", s.device, s.domain);
            },
            [](const Detach& s) { return fmt::format("detach {}", s.device); },
            [](const Destroy& s) { return fmt::format("destroy {}", s.object); },
            [](const DeviceControl& s) {
                const auto* verb = s.verb == DeviceControl::Verb::open    ? "open"
                                   : s.verb == DeviceControl::Verb::close ? "close"
                                                                          : "reset";
                return fmt::format("{} {}", verb, s.device);
            },
            [](const Ranges& s) { return fmt::format("ranges {}", s.ioas); },
            [](const Allow& s) {
                auto out = fmt::format("allow {}", s.ioas);
                for (const auto& r : s.ranges) out += " " + print(r);
                return out;
            },
            [](const Option& s) {
                return fmt::format("option {} huge-pages {}", s.ioas, s.huge_pages ? "on" : "off");
            },
            [](const Dma& s) { return "dma " + print(s.request); },
            [](const Start& s) { return "start " + print(s.request); },
            [](const Wait& s) { return fmt::format("wait {}", s.device); },
            [](const Pump& s) {
                auto out = "pump " + print(s.request);
                if (s.by != 0) out += " by " + size_str(s.by);
                if (s.deep != 1) out += fmt::format(" deep {}", s.deep);
                if (s.every.value != 0) out += " every " + duration_str(s.every);
                return out;
            },
            [](const Halt& s) { return fmt::format("halt {}", s.device); },
            [](const View& s) { return fmt::format("view {}", s.device); },
            [](const Sleep& s) { return fmt::format("sleep {}", duration_str(s.duration)); },
            [](const Witness&) { return std::string("witness"); },
        },
        step);
}

std::string print(const Outcome& outcome) {
    return std::visit(Overloaded{
                          [](const Answer& a) { return print_answer(a); },
                          [](const Landing& l) { return print_landing(l); },
                          [](const Sighting& s) { return "sees " + s.ioas.value_or("nothing"); },
                          [](const Unmet& u) { return "unmet " + quote(u.reason); },
                          [](const Broken& b) { return "broken " + quote(b.reason); },
                      },
                      outcome);
}

std::string print(const Fact& fact) {
    return std::visit(
        Overloaded{
            [](const DeviceFact& f) {
                auto out = fmt::format("device {} {} {:04x}:{:04x} group {} engine {}", f.name, f.bdf.str(), f.vendor,
                                       f.device, f.group, f.engine);
                if (f.alias) out += " alias " + f.alias->str();
                return out;
            },
            [](const StagingFact& f) { return "staging " + print(f.range); },
            [](const ReservedFact& f) { return fmt::format("reserved {} {}", f.group, print(f.range)); },
            [](const TextFact& f) { return fmt::format("{} {}", f.key, quote(f.value)); },
            [](const EndFact& f) { return fmt::format("end {}", f.steps); },
        },
        fact);
}

std::string print(const Event& event) {
    return "! " + std::visit(Overloaded{
                                 [](const FaultEvent& e) {
                                     auto out = fmt::format("fault {} {} {}", e.requester.str(),
                                                            e.access.write  ? "write"
                                                            : e.access.read ? "read"
                                                                            : "access",
                                                            hex_str(e.address.value));
                                     if (e.reason) out += " reason " + hex_str(*e.reason);
                                     return out;
                                 },
                                 [](const KernelEvent& e) { return "kernel " + quote(e.text); },
                                 [](const StrayEvent& e) {
                                     return "stray " + std::visit([](const auto& p) { return print(p); }, e.place);
                                 },
                                 [](const DmaEvent& e) {
                                     return "dma " + print(e.request) + (e.times == 1 ? "" : fmt::format(" times {}", e.times));
                                 },
                                 [](const LabEvent& e) { return "lab " + quote(e.text); },
                             },
                             event);
}

std::string print(const Line& line) {
    std::string out;
    const auto add = [&out](const std::string& text) {
        if (!out.empty()) out += ' ';
        out += text;
    };
    if (line.when) {
        add(fmt::format("@{}", line.when->begin.value));
        if (line.step() != nullptr || line.when->begin != line.when->end)
            add(fmt::format("@{}", line.when->end.value));
    }
    if (line.lane != 0) add(fmt::format("lane {}:", line.lane));
    if (const auto* s = line.step()) add(print(*s));
    if (const auto* f = line.fact()) add(print(*f));
    if (const auto* e = line.event()) add(print(*e));
    if (line.expected) add("=> " + print(*line.expected));
    if (line.observed) add("=> " + print(*line.observed));
    if (!line.comment.empty()) add("#" + line.comment);
    return out;
}

}  // namespace landfall

#include "landfall/overlap_trace_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "landfall/types.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t kTick = 1000;                                                      // ns
constexpr std::uint64_t kWindow = 64U << 10, kPage = 16U << 10, kSlots = kWindow / kPage;  // bytes
constexpr std::uint64_t kStart = 2'000'000;  // ns: when the first tick begins
// Where in a tick things happen, in ns; the begin of a DMA is 0.
constexpr std::uint64_t kStepBegins = 100, kFault = 500, kStepEnds = 700, kDmaEnds = 900;

std::uint64_t window_of(std::size_t device) {
    return 0x800'0000 * (1 + device / OverlapTrace::kMembers) + 0x10'0000 * (device % OverlapTrace::kMembers);
}
std::uint64_t page_of(std::size_t device) { return window_of(device) + kWindow; }
std::uint64_t shared_by(std::size_t group) { return window_of(group * OverlapTrace::kMembers) + 0x80'0000; }

char letter(std::size_t space) { return space == 0 ? 'x' : 'y'; }
// "m07x": kind, number of its device or group, space.
std::string name(char kind, std::size_t number, std::size_t space) {
    return {kind, static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10), letter(space)};
}
std::string device_name(std::size_t device) { return name('d', device, 0).substr(0, 3); }
std::string bdf(std::size_t device) {
    return fmt::format("0000:{:02x}:00.{}", 0x10 + device / OverlapTrace::kMembers,
                       device % OverlapTrace::kMembers);
}

}  // namespace

// Adds words to a line. Quick, as it is to keep up with what is measured.
class OverlapTrace::Writer {
  public:
    struct Hex {
        std::uint64_t value;
    };
    struct Size {
        std::uint64_t bytes;
    };
    struct Slice {
        const Part& part;
        std::uint64_t length;
    };
    explicit Writer(std::string& text) : text_(text) {}
    Writer& operator<<(std::string_view words) {
        text_ += words;
        return *this;
    }
    Writer& operator<<(std::uint64_t n) { return number(n, 10); }
    Writer& operator<<(Hex n) {
        *this << "0x";
        return number(n.value, 16);
    }
    Writer& operator<<(Size n) {
        return n.bytes % 1024 == 0 ? *this << n.bytes / 1024 << "K" : *this << n.bytes;
    }
    Writer& operator<<(Slice s) {
        return *this << s.part.place << "[" << Hex{s.part.offset} << "+" << Size{s.length} << "]";
    }
    Writer& times(std::uint64_t begin, std::uint64_t end) {
        return *this << "@" << begin << " @" << end << " ";
    }

  private:
    Writer& number(std::uint64_t n, int base) {
        std::array<char, 20> digits{};
        text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n, base).ptr);
        return *this;
    }
    std::string& text_;
};

bool OverlapTrace::more(std::string& text) {
    if (state_ == State::over) return false;
    if (state_ == State::head)
        head(text);
    else if (ended_ < shape_.dmas || !changing_.empty())
        tick(text);
    else
        tail(text);
    return true;
}

// ---- the rig, and what is there before the first DMA -----------------------------------------------------

void OverlapTrace::head(std::string& text) {
    const auto line = [&](std::string_view words) {
        Writer(text) << words << "\n";
        ++lines_;
    };
    for (const auto* fact : {"landfall \"0.1.0\"", "rig \"overlap\"", "kernel \"7.3.4\"", "iommu \"vtd\""})
        line(fact);
    for (std::size_t d = 0; d < kDevices; ++d)
        line(fmt::format("device {} {} 8086:10c9 group {} engine igb", device_name(d), bdf(d), d / kMembers));
    for (std::size_t g = 0; g < kGroups; ++g) line(fmt::format("reserved {} 0xfee00000+1M", g));
    line("staging 0xf0000000+1M");
    for (std::size_t g = 0; g < kGroups; ++g)
        for (const std::size_t s : {0, 1}) make_space(text, g, s);
    for (std::size_t d = 0; d < kDevices; ++d)
        early_step(text, fmt::format("attach {} {}", device_name(d), name('h', d / kMembers, 0)));
    for (std::size_t d = 0; d < kDevices; ++d) {
        choose_request(d);
        early_step(text, fmt::format("pump {} {}", device_name(d), pumps_[d].request));
    }
    state_ = State::body;
}

void OverlapTrace::early_step(std::string& text, std::string_view words) {
    const auto now = kTick * ++steps_;
    Writer(text).times(now, now + kTick / 2) << words << " => ok\n";
    ++lines_;
}

void OverlapTrace::make_space(std::string& text, std::size_t group, std::size_t space) {
    const auto ioas = name('g', group, space);
    const auto map = [&](char kind, std::size_t number, std::uint64_t iova, std::uint64_t size) {
        const auto buffer = name(kind, number, space);
        early_step(text, fmt::format("buffer {} {}", buffer, size_str(kWindow)));
        early_step(text, fmt::format("map {} {:#x} {}[0x0+{}] rw", ioas, iova, buffer, size_str(size)));
    };
    early_step(text, "ioas " + ioas);
    map('s', group, shared_by(group), kWindow);
    for (auto d = group * kMembers; d < (group + 1) * kMembers; ++d) {
        map('m', d, window_of(d), kWindow);
        map('r', d, page_of(d), kPage);
    }
    early_step(text,
               fmt::format("hwpt {} {} {}", name('h', group, space), ioas, device_name(group * kMembers)));
}

void OverlapTrace::tail(std::string& text) {
    auto now = kStart + (tick_ + 1) * kTick;
    for (std::size_t d = 0; d < kDevices; ++d, now += kTick) {
        Writer(text).times(now, now + 1)
            << "halt " << device_name(d) << " => ok " << Writer::Hex{pumps_[d].count} << "\n";
        ++lines_;
        ++steps_;
    }
    Writer(text) << "end " << steps_ << "\n";
    ++lines_;
    state_ = State::over;
}

// ---- DMA -------------------------------------------------------------------------------------------------

void OverlapTrace::tick(std::string& text) {
    const auto device = static_cast<std::size_t>(tick_ % kDevices);
    if (started_ < shape_.dmas) begin_dma(device);
    const auto phase = tick_ % shape_.change_every;
    if (phase == 0 && started_ < shape_.dmas) begin_changes();
    if (phase == shape_.change_every - 1 && changes_ % 4 == 3)  // one that is idle just now
        renew(text, static_cast<std::size_t>((tick_ + kDevices - shape_.overlap - 2) % kDevices));
    for (const auto& change : changing_)
        if (change.effect == tick_) take_effect(change);
    auto& due = touches_[device];
    for (const auto& t : due) touch(text, t);
    due.clear();
    for (const auto& change : changing_)
        if (change.end == tick_) end_change(text, change);
    std::erase_if(changing_, [&](const Change& c) { return c.end == tick_; });
    if (tick_ + 1 >= shape_.overlap && ended_ < started_)
        end_dma(text, static_cast<std::size_t>((tick_ + 1 - shape_.overlap) % kDevices));
    ++tick_;
}

void OverlapTrace::choose_request(std::size_t device) {
    auto& pump = pumps_[device];
    const auto group = device / kMembers;
    const auto length = std::uint64_t{512} << random_.below(5);
    const auto within = [&](std::uint64_t start, std::uint64_t size) {
        return start + 64 * random_.below((size - length) / 64 + 1);
    };
    const auto kind = random_.below(8);
    auto start = within(window_of(device), kWindow);
    if (kind >= 4 && kind < 6) start = within(shared_by(group), kWindow);
    if (kind == 6) start = page_of(device) - length / 2;  // the end of the window and the begin of the page
    pump.verb = kind == 3 ? Verb::copy : kind == 2 || kind == 4 ? Verb::read : Verb::write;
    pump.parts[0] = {start, length / 2, {}, 0};
    pump.parts[1] = {start + length / 2, length / 2, {}, 0};
    pump.request = fmt::format("{} {:#x}+{}",
                               pump.verb == Verb::copy   ? "copy"
                               : pump.verb == Verb::read ? "read"
                                                         : "write",
                               start, size_str(length));
    if (pump.verb == Verb::copy) {
        pump.parts[0] = {start, length, {}, 0};
        pump.parts[1] = {within(shared_by(group), kWindow), length, {}, 0};
        pump.request += fmt::format(" to {:#x}", pump.parts[1].iova);
    }
}

void OverlapTrace::begin_dma(std::size_t device) {
    ++started_;
    pumps_[device].begin = tick_;
    auto first = tick_ + 1 + random_.below(shape_.overlap - 2),
         second = tick_ + 1 + random_.below(shape_.overlap - 2);
    if (second < first) std::swap(first, second);
    touches_[first % kDevices].push_back({device, 0});
    touches_[second % kDevices].push_back({device, 1});
}

void OverlapTrace::touch(std::string& text, const Touch& t) {
    auto& pump = pumps_[t.device];
    auto& part = pump.parts[t.part];
    const auto group = t.device / kMembers, space = on_[group];
    part.place.clear();
    if (part.iova >= shared_by(group)) {
        part.place = name('s', group, space);
        part.offset = part.iova - shared_by(group);
    } else if (part.iova < page_of(t.device)) {
        part.place = name('m', t.device, space);
        part.offset = part.iova - window_of(t.device);
    } else if (const auto& member = members_[t.device]; member.mapped[space]) {
        part.place = name('r', t.device, space);
        part.offset = member.slot[space] * kPage + (part.iova - page_of(t.device));
    } else {
        Writer(text) << "@" << kStart + tick_ * kTick + kFault << " ! fault " << bdf(t.device)
                     << (pump.verb == Verb::read ? " read " : " write ")
                     << Writer::Hex{align_down(part.iova, kPageSize)} << "\n";
        ++lines_;
    }
}

void OverlapTrace::end_dma(std::string& text, std::size_t device) {
    auto& pump = pumps_[device];
    Writer out(text);
    out.times(kStart + pump.begin * kTick, kStart + tick_ * kTick + kDmaEnds)
        << "! dma " << device_name(device) << " " << pump.request << " => done seq " << ended_;
    const auto& [one, two] = pump.parts;
    const auto piece = [&](const Part& p) {
        if (p.place.empty())
            out << (pump.verb == Verb::read ? " nothing+" : " nowhere+") << Writer::Size{p.length};
        else
            out << " " << Writer::Slice{p, p.length};
    };
    const bool whole = one.place == two.place && one.offset + one.length == two.offset;
    if (pump.verb == Verb::copy) {
        out << " from " << Writer::Slice{one, one.length} << " lands " << Writer::Slice{two, two.length};
    } else if (one.place.empty() && two.place.empty()) {
        out << (pump.verb == Verb::read ? " nothing" : " nowhere");
    } else {
        out << (pump.verb == Verb::read ? " from" : " lands");
        if (whole) {
            out << " " << Writer::Slice{one, one.length + two.length};
        } else {
            piece(one);
            piece(two);
        }
    }
    out << "\n";
    ++lines_;
    ++ended_;
    ++pump.count;
}

void OverlapTrace::renew(std::string& text, std::size_t device) {
    const auto now = kStart + tick_ * kTick + kStepBegins;
    auto& pump = pumps_[device];
    Writer out(text);
    out.times(now, now + 40) << "halt " << device_name(device) << " => ok " << Writer::Hex{pump.count}
                             << "\n";
    pump.count = 0;
    choose_request(device);
    out.times(now + 60, now + 100) << "pump " << device_name(device) << " " << pump.request << " => ok\n";
    lines_ += 2;
    steps_ += 2;
}

// ---- control steps ---------------------------------------------------------------------------------------

void OverlapTrace::begin_changes() {
    ++changes_;
    const auto device = random_.below(kDevices);
    if (changes_ % 8 != 0) return begin_change(0, changes_ % 2 == 0, device);
    begin_change(1, true, device);
    begin_change(2, false, (device + kMembers + random_.below(kDevices - 2 * kMembers)) % kDevices);
}

void OverlapTrace::begin_change(unsigned lane, bool replace, std::size_t device) {
    Change c{device, random_.below(2), replace, lane, tick_, 0, 0};
    if (replace) c.space = 1 - on_[device / kMembers];
    c.end = tick_ + random_.below(8);
    c.effect = tick_ + random_.below(c.end - tick_ + 1);
    changing_.push_back(c);
}

void OverlapTrace::take_effect(const Change& change) {
    if (change.replace) {
        on_[change.device / kMembers] = change.space;
        return;
    }
    auto& member = members_[change.device];
    auto& mapped = member.mapped[change.space];
    mapped = !mapped;
    if (mapped) member.slot[change.space] = (member.slot[change.space] + 1) % kSlots;
}

void OverlapTrace::end_change(std::string& text, const Change& change) {
    const auto group = change.device / kMembers;
    Writer out(text);
    out.times(kStart + change.begin * kTick + kStepBegins,
              kStart + change.end * kTick + kStepEnds + change.lane);
    if (change.lane != 0) out << "lane " << change.lane << ": ";
    const auto& member = members_[change.device];
    if (change.replace)
        out << "replace " << device_name(change.device) << " " << name('h', group, change.space)
            << " => ok\n";
    else if (member.mapped[change.space])
        out << "map " << name('g', group, change.space) << " " << Writer::Hex{page_of(change.device)} << " "
            << name('r', change.device, change.space) << "[" << Writer::Hex{member.slot[change.space] * kPage}
            << "+" << Writer::Size{kPage} << "] rw => ok\n";
    else
        out << "unmap " << name('g', group, change.space) << " " << Writer::Hex{page_of(change.device)} << "+"
            << Writer::Size{kPage} << " => ok " << Writer::Hex{kPage} << "\n";
    ++lines_;
    ++steps_;
}

}  // namespace landfall

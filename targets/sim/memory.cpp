#include "sim/memory.hpp"

#include <algorithm>

namespace landfall::sim {

const Block& Memory::add(const Buffer& buffer) {
    if (buffer.huge) next_ = align_up(next_, kHugePages);
    blocks_.push_back({buffer.name, buffer.size, buffer.skew, buffer.read_only, next_});
    next_ += blocks_.back().pages();
    return blocks_.back();
}

const Block* Memory::find(std::string_view name) const {
    const auto it = std::ranges::find(blocks_, name, &Block::name);
    return it == blocks_.end() ? nullptr : &*it;
}

const Block* Memory::block_of(Frame frame) const {
    const auto behind = std::ranges::upper_bound(blocks_, frame, {}, &Block::first);
    if (behind == blocks_.begin()) return nullptr;
    const auto& block = *std::prev(behind);
    return frame - block.first < block.pages() ? &block : nullptr;
}

std::optional<Span> Memory::at(Frame frame, std::uint64_t offset) const {
    const auto* block = block_of(frame);
    if (block == nullptr || block->name.empty()) return std::nullopt;
    return Span{block, (frame - block->first) * kPageSize + offset};
}

void Track::add(std::uint64_t length, const std::optional<Span>& place) {
    const auto here = place.value_or(Span{});
    if (!parts_.empty()) {
        auto& last = parts_.back();
        const bool follows = last.place.block == here.block &&
                             (here.block == nullptr || last.place.address + last.length == here.address);
        if (follows) {
            last.length += length;
            return;
        }
    }
    parts_.push_back({length, here});
}

bool Track::anywhere() const {
    return std::ranges::any_of(parts_, [](const Part& p) { return p.place.block != nullptr; });
}

bool Track::covers(const Span& place, std::uint64_t length) const {
    return std::ranges::any_of(parts_, [&](const Part& p) {
        return p.place.block == place.block && p.place.address <= place.address &&
               place.address + length <= p.place.address + p.length;
    });
}

std::vector<Segment> Track::segments() const {
    if (!anywhere()) return {Segment{}};
    std::vector<Segment> out;
    for (const auto& p : parts_) {
        if (p.place.block == nullptr) {
            out.push_back({std::nullopt, p.length});
            continue;
        }
        auto where = slice(p.place, p.length);
        const auto length = where.span ? where.span->length : 0;
        out.push_back({std::move(where), length});
    }
    return out;
}

BufferSlice slice(const Span& place, std::uint64_t length) {
    const auto& b = *place.block;
    if (place.address < b.skew || place.address + length > b.skew + b.size)
        return {b.name + ".pages", BufferSlice::Span{place.address, length}};
    if (place.address == b.skew && length == b.size) return {b.name, std::nullopt};
    return {b.name, BufferSlice::Span{place.address - b.skew, length}};
}

}  // namespace landfall::sim

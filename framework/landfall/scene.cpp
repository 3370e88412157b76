#include "landfall/scene.hpp"

#include <charconv>

namespace landfall {
namespace {

constexpr std::string_view kWholePages = ".pages";

}  // namespace

std::optional<KernelRelease> KernelRelease::parse(std::string_view text) {
    KernelRelease r;
    const auto* end = text.data() + text.size();
    const auto [dot, error] = std::from_chars(text.data(), end, r.major);
    if (error != std::errc{} || dot == end || *dot != '.') return std::nullopt;
    if (std::from_chars(dot + 1, end, r.minor).ec != std::errc{}) return std::nullopt;
    return r;
}

void Scene::learn(const Fact& fact) {
    std::visit(Overloaded{
                   [&](const DeviceFact& f) {
                       if (f.name != "-") devices[f.name] = f;
                   },
                   [&](const StagingFact& f) { staging = f.range; },
                   [&](const ReservedFact& f) { reserved.push_back(f.range); },
                   [&](const TextFact& f) {
                       if (f.key == "kernel") kernel = KernelRelease::parse(f.value);
                       if (f.key == "iommu") iommu = f.value;
                       if (f.key == "feature") features.insert(f.value);
                       if (f.key == "feature" && f.value == "every-fault") every_fault = true;
                   },
                   [](const auto&) {},
               },
               fact);
}

std::optional<IovaRange> Scene::rings() const {
    if (!staging || staging->length <= kPageSize) return staging;
    return IovaRange{staging->start + kPageSize, staging->length - kPageSize};
}

Backing Scene::memory(const BufferSlice& slice) const {
    const auto offset = slice.span ? slice.span->offset : 0;
    if (const auto it = buffers.find(slice.buffer); it != buffers.end())
        return {slice.buffer, it->second.skew + offset, it->second.skew};
    std::string_view name = slice.buffer;
    if (name.ends_with(kWholePages)) {
        name.remove_suffix(kWholePages.size());
        if (const auto it = buffers.find(name); it != buffers.end())
            return {std::string(name), offset, it->second.skew};
    }
    return {slice.buffer, offset, 0};
}

BufferSlice Scene::slice(const Backing& memory, std::uint64_t length) const {
    const auto it = buffers.find(memory.buffer);
    if (it != buffers.end()) {
        const auto& b = it->second;
        if (memory.address == b.skew && length == b.size) return {b.name, std::nullopt};
        if (memory.address < b.skew || memory.address + length > b.skew + b.size)
            return {b.name + std::string(kWholePages), BufferSlice::Span{memory.address, length}};
    }
    return {memory.buffer, BufferSlice::Span{memory.address - memory.skew, length}};
}

std::uint64_t Scene::length(const BufferSlice& slice) const {
    if (slice.span) return slice.span->length;
    const auto it = buffers.find(slice.buffer);
    return it == buffers.end() ? 0 : it->second.size;
}

std::string Scene::device_of(Bdf requester) const {
    for (const auto& [name, fact] : devices)
        if (fact.bdf == requester || fact.alias == requester) return name;
    return {};
}

}  // namespace landfall

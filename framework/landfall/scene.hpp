// What the head of a trace says about the rig, and which buffers there are: the checker's dictionary.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/line.hpp"
#include "landfall/model.hpp"
#include "landfall/names.hpp"

namespace landfall {

/// The part of "6.12.43+deb13" by which promises and findings differ.
struct KernelRelease {
    unsigned major = 0, minor = 0;
    auto operator<=>(const KernelRelease&) const = default;
    static std::optional<KernelRelease> parse(std::string_view text);
};

struct Scene {
    std::map<std::string, DeviceFact, std::less<>> devices;
    ByName<Buffer> buffers;
    std::optional<IovaRange> staging;
    std::optional<KernelRelease> kernel;
    std::string iommu;
    std::vector<IovaRange> reserved;  ///< of any group
    std::set<std::string, std::less<>> features;
    bool every_fault = false;         ///< the rig reports at least one fault for every DMA it blocks

    void learn(const Fact& fact);
    /// The part of the staging window engines keep their rings in; its first page is the IOAS's own beacon.
    [[nodiscard]] std::optional<IovaRange> rings() const;
    /// Memory a slice names. "p1.pages" are the whole pages buffer p1 stands in, counted from the first one's
    /// start.
    [[nodiscard]] Backing memory(const BufferSlice& slice) const;
    /// The way back, a whole buffer by its bare name.
    [[nodiscard]] BufferSlice slice(const Backing& memory, std::uint64_t length) const;
    /// Bytes a slice names; a bare name is the whole buffer. 0 if the buffer is unknown.
    [[nodiscard]] std::uint64_t length(const BufferSlice& slice) const;
    /// Name of the first device whose DMA carries this requester id; empty if none does.
    [[nodiscard]] std::string device_of(Bdf requester) const;
};

}  // namespace landfall

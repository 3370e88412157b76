// One line a fault.
#include "sim/faults.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "landfall/error.hpp"

namespace landfall::sim {
namespace {

using enum Fault;

constexpr std::array<FaultInfo, kFaultCount> kTable{{
    {unmap_without_flush, "unmap-without-flush", "landing view",
     "UNMAP clears the page table and never flushes the IOTLB."},
    {unmap_flush_too_early, "unmap-flush-too-early", "landing view",
     "UNMAP flushes the IOTLB before it clears the page table, so a DMA in between caches the entry again."},
    {unmap_flush_first_page, "unmap-flush-first-page", "landing view",
     "UNMAP flushes only the first page of the range."},
    {unmap_flush_next_page, "unmap-flush-next-page", "landing view",
     "UNMAP flushes the range behind the one it cleared."},
    {unmap_flush_one_unit, "unmap-flush-one-unit", "landing view",
     "UNMAP flushes only the first of the IOMMU units that use the domain."},
    {unmap_flush_wrong_domain, "unmap-flush-wrong-domain", "landing view",
     "UNMAP flushes under another domain's id."},
    {unmap_flush_unaligned, "unmap-flush-unaligned", "landing view",
     "UNMAP flushes the aligned block that a range of this size would fill, so the end of one that lies "
     "across two "
     "blocks stays cached."},
    {unmap_flush_deferred, "unmap-flush-deferred", "landing view",
     "UNMAP leaves its flush to the next UNMAP, as the DMA API does with its flush queue."},
    {unmap_flush_lost_units, "unmap-flush-lost-units", "landing view",
     "A unit whose last device leaves a domain takes all units off the domain's list, and UNMAP flushes none "
     "of "
     "them."},
    {iotlb_forgets_permission, "iotlb-forgets-permission", "permission",
     "What is cached lets reads and writes through, whatever the page table allows."},
    {replace_context_cached, "replace-context-cached", "landing view completeness",
     "A replace rewrites the context entry and leaves its cached copy."},
    {replace_alias_cached, "replace-alias-cached", "landing view completeness",
     "A replace flushes the device's own requester id, not the alias its DMA carries.", "sim-bridge"},
    {replace_domain_cached, "replace-domain-cached", "landing",
     "A replace does not flush the old domain's IOTLB, and the domain id is used again."},
    {detach_context_cached, "detach-context-cached", "landing view completeness",
     "The last detach clears the context entry and leaves its cached copy."},
    {replace_moves_caller_only, "replace-moves-caller-only", "landing view completeness",
     "A replace moves the function it was asked for and leaves its siblings."},
    {replace_forgets_alias, "replace-forgets-alias", "landing view completeness",
     "A replace does not touch the context entry of the alias behind a bridge.", "sim-bridge"},
    {replace_through_identity, "replace-through-identity", "landing stray",
     "While it replaces, the driver lets DMA through untranslated."},
    {replace_to_empty, "replace-to-empty", "completeness view",
     "The automatic HWPT made for an attach or replace is never filled."},
    {replace_nop_blocks, "replace-nop-blocks", "completeness",
     "A replace by the domain the group is on blocks the group for a moment."},
    {replace_fails_halfway, "replace-fails-halfway", "landing view completeness",
     "A replace that fails leaves the caller on the new domain."},
    {replace_skips_last_member, "replace-skips-last-member", "landing view completeness",
     "A replace stops one device short of the end of the group."},
    {replace_by_second_ignored, "replace-by-second-ignored", "landing view completeness",
     "A replace through any but the first member answers ok and does nothing."},
    {attach_second_moves_group, "attach-second-moves-group", "outcome",
     "Attaching a second member elsewhere moves the group, where it must be refused."},
    {attach_ignores_reserved, "attach-ignores-reserved", "outcome",
     "An attach does not look whether reserved ranges are mapped."},
    {replace_unlocked, "replace-unlocked", "landing view outcome completeness",
     "Replaces of one group at the same time are not kept apart."},
    {detach_leaves_translation, "detach-leaves-translation", "landing view fault",
     "The last detach leaves the group translated."},
    {detach_blocks_siblings, "detach-blocks-siblings", "completeness view",
     "Detaching one member blocks the whole group."},
    {detach_empties_domain, "detach-empties-domain", "completeness view",
     "Detaching one member empties the page table its siblings use."},
    {detach_keeps_reserved, "detach-keeps-reserved", "outcome",
     "A detach leaves the device's reserved ranges in the IOAS."},
    {close_keeps_attachment, "close-keeps-attachment", "outcome view",
     "Closing a device does not detach it."},
    {reset_leaves_blocked, "reset-leaves-blocked", "completeness view",
     "A reset blocks the device and does not give it its domain back."},
    {destroy_while_attached, "destroy-while-attached", "outcome", "A HWPT in use can be destroyed."},
    {destroy_stays_busy, "destroy-stays-busy", "outcome",
     "A replace drops the caller's reference to the old HWPT and forgets the siblings'."},
    {destroy_empties_other, "destroy-empties-other", "completeness view fault",
     "The HWPT that was filled first takes the mappings of the IOAS's others along when it goes."},
    {destroy_ioas_in_use, "destroy-ioas-in-use", "outcome", "An IOAS that has HWPTs can be destroyed."},
    {map_stops_at_table, "map-stops-at-table", "completeness", "MAP stops where a table of 2 MiB ends."},
    {map_loses_read, "map-loses-read", "completeness",
     "A mapping for reading and writing is written without the read bit."},
    {map_loses_write, "map-loses-write", "completeness",
     "A mapping for reading and writing is written without the write bit."},
    {map_always_writable, "map-always-writable", "permission",
     "A read-only mapping is written with the write bit."},
    {map_shifts_past_huge, "map-shifts-past-huge", "landing",
     "Past a boundary of 2 MiB a mapping is one page off."},
    {map_huge_misaligned, "map-huge-misaligned", "landing completeness",
     "A large page is written where the IOVA is aligned to it and the memory is not."},
    {map_misses_new_domain, "map-misses-new-domain", "completeness",
     "MAP looks up the HWPTs to be filled without the lock: one that is made meanwhile misses the mapping."},
    {map_first_domain_only, "map-first-domain-only", "completeness",
     "MAP fills only the first HWPT of the IOAS."},
    {map_ignores_reserved, "map-ignores-reserved", "outcome", "MAP does not refuse a reserved range."},
    {map_over_existing, "map-over-existing", "outcome", "MAP does not refuse a range that is mapped."},
    {map_auto_ignores_allowed, "map-auto-ignores-allowed", "outcome",
     "The kernel chooses IOVAs outside the allowed ranges."},
    {map_file_from_start, "map-file-from-start", "landing", "MAP_FILE ignores the offset in the file."},
    {hwpt_misses_first_area, "hwpt-misses-first-area", "completeness",
     "A new HWPT misses the first of more than three mappings of its IOAS."},
    {unmap_first_domain_only, "unmap-first-domain-only", "landing",
     "UNMAP clears only the first HWPT of the IOAS."},
    {unmap_leaves_last_page, "unmap-leaves-last-page", "landing", "UNMAP leaves the last page of the range."},
    {unmap_takes_neighbour, "unmap-takes-neighbour", "completeness fault", "UNMAP clears a page behind the range."},
    {unmap_reports_too_much, "unmap-reports-too-much", "outcome",
     "UNMAP returns a page more than it removed."},
    {unmap_cuts_mapping, "unmap-cuts-mapping", "outcome", "UNMAP of a part of a mapping is not refused."},
    {unmap_first_mapping_only, "unmap-first-mapping-only", "outcome",
     "UNMAP of several mappings ends behind the first."},
    {unmap_frees_iova_early, "unmap-frees-iova-early", "completeness outcome",
     "UNMAP gives its IOVA away before the page table is clear, and then clears what was mapped there "
     "meanwhile."},
    {copy_from_start, "copy-from-start", "landing",
     "IOAS_COPY of a slice copies from the start of the mapping."},
    {copy_keeps_permission, "copy-keeps-permission", "permission completeness",
     "IOAS_COPY gives the copy the permissions of the source."},
    {copy_ignores_permission, "copy-ignores-permission", "outcome",
     "IOAS_COPY makes a writable copy of pages that were pinned for reading."},
    {copy_shares_unmap, "copy-shares-unmap", "completeness",
     "Unmapping the source of a copy unmaps the copy, too."},
    {stale_bookkeeping, "stale-bookkeeping", "outcome landing view completeness",
     "The books are kept per device, as in the series of February 2023: a replace forgets the siblings'."},
    {dma_lost, "dma-lost", "completeness fault", "Every fourth DMA is reported done and never happens."},
    {dma_tail_lost, "dma-tail-lost", "completeness", "The last request of a DMA of several never happens."},
    {dma_doubled_late, "dma-doubled-late", "stray fault",
     "A device writes the last bytes of a DMA again before its next."},
    {dma_done_early, "dma-done-early", "completeness",
     "A device reports a DMA done before its last bytes are written."},
    {dma_guesses_next_page, "dma-guesses-next-page", "landing completeness",
     "A DMA that crosses into another page takes it to lie behind the first in memory."},
    {fault_wrong_device, "fault-wrong-device", "fault", "A fault is reported for the next device."},
    {fault_wrong_page, "fault-wrong-page", "fault", "A fault is reported for an address 16 pages off."},
    {fault_wrong_direction, "fault-wrong-direction", "fault",
     "The fault of a read is reported as one of a write, and the other way round."},
    {fault_not_reported, "fault-not-reported", "fault", "Faults are not reported."},
    {fault_out_of_nothing, "fault-out-of-nothing", "fault",
     "Every fourth DMA is reported to have faulted somewhere else."},
    {kernel_warns, "kernel-warns", "kernel", "Destroying a HWPT makes the kernel warn about itself."},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kTable.size(); ++i)
        if (kTable[i].fault != static_cast<Fault>(i) || kTable[i].name.empty()) return false;
    return true;
}
static_assert(in_order(), "a fault without its line in the table");

}  // namespace

std::span<const FaultInfo> fault_table() { return kTable; }

Fault fault_named(std::string_view name) {
    const auto it = std::ranges::find(kTable, name, &FaultInfo::name);
    if (it != kTable.end()) return it->fault;
    std::vector<std::string_view> near;
    const auto stem = name.substr(0, name.find('-'));
    for (const auto& f : kTable)
        if (f.name.starts_with(stem)) near.push_back(f.name);
    throw TextError({"--fault", 0, 0}, std::string(name),
                    near.empty() ? "a fault that 'landfall faults' lists"
                                 : fmt::format("one of: {}", fmt::join(near, ", ")));
}

}  // namespace landfall::sim

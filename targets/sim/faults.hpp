// What the simulated machine can get wrong on purpose, each by name.
#pragma once

#include <bitset>
#include <span>
#include <string_view>

namespace landfall::sim {

enum class Fault : unsigned {
    // the translation caches, on unmap
    unmap_without_flush,
    unmap_flush_too_early,
    unmap_flush_first_page,
    unmap_flush_next_page,
    unmap_flush_one_unit,
    unmap_flush_wrong_domain,
    unmap_flush_unaligned,
    unmap_flush_deferred,
    unmap_flush_lost_units,
    iotlb_forgets_permission,
    // the context cache and the IOTLB, on attach, replace and detach
    replace_context_cached,
    replace_alias_cached,
    replace_domain_cached,
    detach_context_cached,
    // replace and attach
    replace_moves_caller_only,
    replace_forgets_alias,
    replace_through_identity,
    replace_to_empty,
    replace_nop_blocks,
    replace_fails_halfway,
    replace_skips_last_member,
    replace_by_second_ignored,
    attach_second_moves_group,
    attach_ignores_reserved,
    replace_unlocked,
    // detach and destroy
    detach_leaves_translation,
    detach_blocks_siblings,
    detach_empties_domain,
    detach_keeps_reserved,
    close_keeps_attachment,
    reset_leaves_blocked,
    destroy_while_attached,
    destroy_stays_busy,
    destroy_empties_other,
    destroy_ioas_in_use,
    // map and unmap
    map_stops_at_table,
    map_loses_read,
    map_loses_write,
    map_always_writable,
    map_shifts_past_huge,
    map_huge_misaligned,
    map_misses_new_domain,
    map_first_domain_only,
    map_ignores_reserved,
    map_over_existing,
    map_auto_ignores_allowed,
    map_file_from_start,
    hwpt_misses_first_area,
    unmap_first_domain_only,
    unmap_leaves_last_page,
    unmap_takes_neighbour,
    unmap_reports_too_much,
    unmap_cuts_mapping,
    unmap_first_mapping_only,
    unmap_frees_iova_early,
    // copy
    copy_from_start,
    copy_keeps_permission,
    copy_ignores_permission,
    copy_shares_unmap,
    // books per device, as in the series of February 2023
    stale_bookkeeping,
    // DMA and what is said about it
    dma_lost,
    dma_tail_lost,
    dma_doubled_late,
    dma_done_early,
    dma_guesses_next_page,
    fault_wrong_device,
    fault_wrong_page,
    fault_wrong_direction,
    fault_not_reported,
    fault_out_of_nothing,
    kernel_warns,
    count_
};
inline constexpr std::size_t kFaultCount = static_cast<std::size_t>(Fault::count_);

class FaultSet {
  public:
    [[nodiscard]] bool has(Fault f) const { return bits_[static_cast<std::size_t>(f)]; }
    void add(Fault f) { bits_.set(static_cast<std::size_t>(f)); }
    [[nodiscard]] bool empty() const { return bits_.none(); }

  private:
    std::bitset<kFaultCount> bits_;
};

struct FaultInfo {
    Fault fault;
    std::string_view name;         ///< "unmap-without-flush"
    std::string_view rules;        ///< ids of the rules that are to see it, the best first
    std::string_view text;         ///< what goes wrong, one sentence
    std::string_view rig = "sim";  ///< one that ships and can show it
};

/// Every fault, in the order of the enum.
[[nodiscard]] std::span<const FaultInfo> fault_table();
/// Throws TextError with the names that come close, for an unknown name.
[[nodiscard]] Fault fault_named(std::string_view name);

}  // namespace landfall::sim

#include <fmt/format.h>

#include <algorithm>

#include "landfall/rules/rule.hpp"

namespace landfall {
namespace {

// `view` saw an address space that the group cannot have been on.
void check_sighting(const DmaCase& dma, std::vector<Violation>& found) {
    const auto& piece = dma.account.pieces.front();
    if (piece.fate == Fate::explained) return;
    auto v = about(dma, piece);
    v.page.reset();
    v.observed = print(*dma.line.observed);
    std::string allowed;
    for (const auto* d : dma.account.read.domains)
        allowed += (allowed.empty() ? "" : " or ") +
                   (d->space ? "'" + dma.history.name_of(*d->space) + "'" : "none");
    v.summary = fmt::format("{} {}, but its group's domain is {}", dma.request.device, v.observed, allowed);
    found.push_back(std::move(v));
}

// The domain that explains where the piece was seen, if what the books name does not: nullptr if it does.
const DomainSpell* against(const DmaCase& dma, const Piece& piece, const DomainSpell& books) {
    for (const auto& c : piece.candidates)
        if (c.domain->space == books.space) return nullptr;
    const auto memory = dma.scene.memory(*piece.place);
    const DomainSpell* other = nullptr;
    for (const auto& c : piece.candidates)
        if (c.leads_to(memory, piece.iova.start)) other = c.domain;
    const auto trails = dma.history.whence(dma.request.device, piece.iova.start, memory);
    const bool books_lead_there = std::ranges::any_of(trails, [&](const Trail& trail) {
        return trail.space == dma.history.name_of(*books.space) &&
               trail.mapping->life.possible_in(dma.window);
    });
    return books_lead_there ? nullptr : other;
}

// The device's owner was told one domain, and its DMA went through another.
void check_books(const DmaCase& dma, std::vector<Violation>& found) {
    const auto* books = dma.history.certainly_declared(*dma.account.device, dma.window);
    if (books == nullptr || !books->space) return;
    for (const auto& piece : dma.account.pieces) {
        if (!piece.place || piece.fate != Fate::explained) continue;
        const auto* other = against(dma, piece, *books);
        if (other == nullptr) continue;
        auto v = about(dma, piece);
        v.candidates = {fmt::format("domain '{}', by the books of {} since line {}", books->domain,
                                    dma.request.device, books->life.began_line)};
        v.witness.push_back(books->life.began_line);
        tidy(v.witness);
        v.summary = fmt::format("{}'s books say '{}', its DMA went through '{}': {} {} {}",
                                dma.request.device, books->domain, other->domain, name_of(dma, piece),
                                piece.access.write ? "landed in" : "came from", print(*v.page));
        found.push_back(std::move(v));
        return;
    }
}

// The address space that a step changed the mappings of; nullptr if it is no such step.
const std::string* changed_by(const Step& step) {
    if (const auto* s = std::get_if<Map>(&step)) return &s->ioas;
    if (const auto* s = std::get_if<IoasCopy>(&step)) return &s->destination;
    if (const auto* s = std::get_if<Unmap>(&step)) return &s->ioas;
    return nullptr;
}

// The danger of the thread: the mapping is added to one address space while the device translates through
// another.
void check_change(const AnswerCase& c, std::vector<Violation>& found) {
    const auto* space = changed_by(*c.line.step());
    if (space == nullptr || c.history == nullptr || !c.answer.error.ok()) return;
    for (const auto& [device, told, actual] : c.history->estranged(*c.line.when)) {
        if (c.history->name_of(*told->space) != *space) continue;
        Violation v;
        v.line = c.line.number;
        v.device = device;
        if (const auto* map = std::get_if<Map>(c.line.step())) v.page = map->memory;
        v.window = c.line.when;
        v.observed = print(Outcome{c.answer});
        v.witness = {v.line, told->life.began_line, actual->life.began_line};
        tidy(v.witness);
        v.summary = fmt::format("{}'s books say '{}', but its DMA goes through {}: it will not see '{}'",
                                device, told->domain, actual->space ? "'" + actual->domain + "'" : "none",
                                print(*c.line.step()));
        found.push_back(std::move(v));
    }
}

void check(const Case& happened, std::vector<Violation>& found) {
    if (const auto* view = std::get_if<ViewCase>(&happened)) {
        check_sighting(view->dma, found);
        check_books(view->dma, found);
    }
    if (const auto* dma = std::get_if<DmaCase>(&happened)) check_books(*dma, found);
    if (const auto* answer = std::get_if<AnswerCase>(&happened)) check_change(*answer, found);
}

}  // namespace

extern const Rule view_rule{
    "view",
    "Every member of a group, attached or not, is translated through the domain the group was last moved to, "
    "and that "
    "is the domain its owner was told.",
    "drivers/iommu/iommufd/device.c:726-732, :856-921; drivers/iommu/iommu.c:2443-2447; the review of "
    "iommu_group_replace_domain(), kvm@ and iommu@, February 2023",
    check};

}  // namespace landfall

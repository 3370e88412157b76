#include "landfall/rules/rule.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall {
namespace {

std::string memory_str(const Scene& scene, const Backing& memory, std::uint64_t length) {
    return memory.buffer.empty() ? "the staging memory" : print(scene.slice(memory, length));
}

std::string since(const Lifetime& life) {
    auto out = life.began_line == 0 ? std::string() : fmt::format(" from line {}", life.began_line);
    if (life.ended_line != 0) out += fmt::format(" until line {}", life.ended_line);
    return out;
}

std::string candidate_str(const DmaCase& dma, const Piece& piece, const Candidate& c) {
    return fmt::format("domain '{}'{}: {} -> {} {}{}", c.domain->domain, since(c.domain->life),
                       print(piece.iova), memory_str(dma.scene, c.at(piece.iova.start), piece.iova.length),
                       c.mapping->area.access.str(), since(c.mapping->life));
}

std::vector<std::string> candidates_of(const DmaCase& dma, const Piece& piece) {
    std::vector<std::string> out;
    for (const auto& c : piece.candidates) out.push_back(candidate_str(dma, piece, c));
    const auto& outlook = piece.access.write ? dma.account.write : dma.account.read;
    for (const auto* d : outlook.domains) {
        const bool maps =
            std::ranges::any_of(piece.candidates, [&](const Candidate& c) { return c.domain == d; });
        if (!d->space)
            out.push_back(fmt::format("no domain{}: blocked", since(d->life)));
        else if (!maps)
            out.push_back(fmt::format("domain '{}'{}: nothing mapped there", d->domain, since(d->life)));
    }
    if (!outlook.may_be_open) out.emplace_back("the device was closed: nothing reaches the bus");
    const bool steady = outlook.domains.size() == 1 && outlook.domains.front()->space;
    if (dma.account.may_be_shut && steady)
        out.emplace_back("blocked: a step changed what the device sees meanwhile");
    else if (dma.account.may_be_shut && outlook.domains.size() > 1)
        out.emplace_back("blocked, during the change");
    return out;
}

}  // namespace

Violation about(const DmaCase& dma, const Piece& piece) {
    Violation v;
    v.line = dma.line.number;
    v.device = dma.request.device;
    v.iova = piece.iova;
    v.access = piece.access;
    v.page = piece.place;
    if (v.page && dma.scene.length({v.page->buffer, std::nullopt}) != 0)
        v.page = dma.scene.slice(dma.scene.memory(*v.page), dma.scene.length(*v.page));
    if (!v.page)
        for (const auto& c : piece.candidates)
            if (const auto m = c.at(piece.iova.start); !m.buffer.empty())
                v.page = dma.scene.slice(m, piece.iova.length);
    v.window = dma.window;
    v.candidates = candidates_of(dma, piece);
    v.observed = print(Outcome{dma.landing});
    v.witness = {dma.line.number, dma.start_line};
    for (const auto& c : piece.candidates) {
        v.witness.push_back(c.domain->life.began_line);
        v.witness.push_back(c.mapping->life.began_line);
    }
    const auto& outlook = piece.access.write ? dma.account.write : dma.account.read;
    for (const auto* d : outlook.domains) v.witness.push_back(d->life.began_line);
    tidy(v.witness);
    return v;
}

std::string name_of(const DmaCase& dma, const Piece& piece) {
    return fmt::format("{}'s {} of {}", dma.request.device, piece.access.write ? "write" : "read",
                       print(piece.iova));
}

const Piece* first(const Account& account, Fate fate) {
    const auto it = std::ranges::find(account.pieces, fate, &Piece::fate);
    return it == account.pieces.end() ? nullptr : &*it;
}

void tidy(std::vector<unsigned>& witness) {
    std::erase(witness, 0U);
    std::ranges::sort(witness);
    witness.erase(std::unique(witness.begin(), witness.end()), witness.end());
}

}  // namespace landfall

#include "landfall/account.hpp"

#include <algorithm>

namespace landfall {
namespace {

constexpr Access kRead{true, false}, kWrite{false, true};

// What was observed, with every length spelled out: a bare buffer is all of it, a lone gap the whole DMA.
struct Observed {
    std::optional<BufferSlice> place;
    std::uint64_t length;
};

std::vector<Observed> spell_out(const Scene& scene, const std::vector<Segment>& segments,
                                std::uint64_t total) {
    std::vector<Observed> out;
    for (const auto& s : segments) {
        auto length = s.place ? scene.length(*s.place) : s.length;
        if (length == 0 || length > total) length = total;
        if (length == 0) break;
        auto place = s.place;
        if (place) place->span = BufferSlice::Span{place->span ? place->span->offset : 0, length};
        out.push_back({std::move(place), length});
        total -= length;
    }
    if (total > 0) out.push_back({std::nullopt, total});
    return out;
}

bool leads_to(const Candidate& c, Iova a, const Backing& memory) {
    const auto at = c.at(a);
    return at.buffer == memory.buffer && at.address == memory.address;
}

class Accountant {
  public:
    Accountant(const History& history, const Scene& scene, const DmaRequest& request, const Interval& window,
               const Landing& landing, const Contested& contested)
        : history_(history),
          scene_(scene),
          request_(request),
          window_(window),
          landing_(landing),
          contested_(contested) {}

    Account run() {
        const auto from = read_by(request_), to = written(request_);
        if (from) out_.read = history_.look(request_.device, *from, window_);
        if (to) out_.write = history_.look(request_.device, *to, window_);
        weigh(from, to);
        // What a copy read is known only from what it wrote.
        if (from && (!to || !landing_.from.empty())) take(*from, kRead, out_.read, landing_.from);
        if (to) take(*to, kWrite, out_.write, landing_.lands);
        if (to)
            for (const auto& s : landing_.also)
                if (s.place) take_further(*to, *s.place);
        return std::move(out_);
    }

  private:
    // From which byte on the DMA may have been stopped. A device that was refused once may give up the rest.
    void weigh(const std::optional<IovaRange>& from, const std::optional<IovaRange>& to) {
        out_.may_be_shut = (from && out_.read.may_be_shut) || (to && out_.write.may_be_shut) || may_starve();
        if (out_.may_be_shut) blockable_from_ = 0;
        const auto weigh_one = [&](const IovaRange& range, const Outlook& outlook, Access access) {
            for (const auto& s : outlook.stretches)
                if (s.may_block(access))
                    blockable_from_ = std::min(blockable_from_.value_or(s.range.start - range.start),
                                               s.range.start - range.start);
        };
        if (from) weigh_one(*from, out_.read, kRead);
        if (to) weigh_one(*to, out_.write, kWrite);
        out_.blockable = blockable_from_.has_value();
        if (landing_.status != Landing::Status::done && out_.blockable) blockable_from_ = 0;
    }

    // An engine that cannot fetch its descriptors does nothing at all.
    bool may_starve() const {
        const auto rings = scene_.rings();
        if (!rings) return false;
        const auto outlook = history_.look(request_.device, *rings, window_);
        return std::ranges::any_of(outlook.stretches, [](const Stretch& s) {
            return s.may_block({true, true});
        });
    }

    void take(const IovaRange& range, Access access, const Outlook& outlook,
              const std::vector<Segment>& segments) {
        auto at = range.start;
        auto stretch = outlook.stretches.begin();
        for (auto& seen : spell_out(scene_, segments, range.length)) {
            while (seen.length > 0) {
                const auto left = stretch->range.last() - at + 1;
                const auto length = std::min(left, seen.length);
                Piece piece{{at, length}, access, seen.place, stretch->candidates};
                if (piece.place) piece.place->span->length = length;
                piece.fate = fate_of(piece, *stretch, outlook, (at - range.start) + length);
                out_.pieces.push_back(std::move(piece));
                if (seen.place) seen.place->span->offset += length;
                seen.length -= length;
                at = at + length;
                if (length == left) ++stretch;
            }
        }
    }

    Fate fate_of(const Piece& piece, const Stretch& stretch, const Outlook& outlook,
                 std::uint64_t end) const {
        if (piece.place) return fate_of_seen(piece, outlook);
        if (blockable_from_ && *blockable_from_ < end) return Fate::explained;
        for (const auto& c : stretch.candidates) {
            const auto memory = c.at(piece.iova.start);
            if (memory.buffer.empty() || onto_itself(piece, memory) ||
                overwritten(piece, memory) || contested_(memory, piece.iova.length))
                return Fate::explained;
        }
        return Fate::missing;
    }

    // A copy of bytes onto themselves changes nothing that could be seen, nor need one whose source another device
    // writes meanwhile: it may write there what stands at the target.
    bool onto_itself(const Piece& piece, const Backing& memory) const {
        const auto from = read_by(request_), to = written(request_);
        if (!from || !to || !piece.access.write) return false;
        const auto source = from->start + (piece.iova.start - to->start);
        return std::ranges::any_of(out_.read.stretches, [&](const Stretch& s) {
            return s.range.contains({source, piece.iova.length}) &&
                   std::ranges::any_of(s.candidates, [&](const Candidate& c) {
                       return leads_to(c, source, memory) || contested_(c.at(source), piece.iova.length);
                   });
        });
    }

    // A copy that wrote over its own source has left nothing to know the source by.
    bool overwritten(const Piece& piece, const Backing& memory) const {
        return !piece.access.write && std::ranges::any_of(landing_.lands, [&](const Segment& s) {
            if (!s.place) return false;
            const auto to = scene_.memory(*s.place);
            return to.buffer == memory.buffer && to.address < memory.address + piece.iova.length &&
                   memory.address < to.address + scene_.length(*s.place);
        });
    }

    Fate fate_of_seen(const Piece& piece, const Outlook& outlook) const {
        if (!outlook.may_be_open) return Fate::misplaced;
        // A device that could not reach its staging window and writes all the same writes what it held before.
        if (!piece.access.write && written(request_) && blockable_from_ && may_starve()) return Fate::explained;
        const auto memory = scene_.memory(*piece.place);
        auto fate = Fate::misplaced;
        for (const auto& c : piece.candidates) {
            if (!leads_to(c, piece.iova.start, memory)) continue;
            if (c.mapping->area.tolerated.allows(piece.access)) return Fate::explained;
            fate = Fate::forbidden;
        }
        return fate;
    }

    // Bytes found in one more place; which bytes of the DMA they are is not said.
    void take_further(const IovaRange& range, const BufferSlice& place) {
        const auto memory = scene_.memory(place);
        Piece piece{range, kWrite, place, {}, Fate::misplaced};
        for (const auto& s : out_.write.stretches) {
            for (const auto& c : s.candidates) {
                const auto base = c.at(s.range.start);
                if (base.buffer == memory.buffer && memory.address >= base.address &&
                    memory.address - base.address < s.range.length)
                    piece.fate = Fate::explained;
            }
            piece.candidates.insert(piece.candidates.end(), s.candidates.begin(), s.candidates.end());
        }
        out_.pieces.push_back(std::move(piece));
    }

    const History& history_;
    const Scene& scene_;
    const DmaRequest& request_;
    const Interval& window_;
    const Landing& landing_;
    const Contested& contested_;
    Account out_;
    std::optional<std::uint64_t> blockable_from_;
};

}  // namespace

std::optional<IovaRange> written(const DmaRequest& request) {
    switch (request.verb) {
        case DmaRequest::Verb::write: return request.range;
        case DmaRequest::Verb::copy: return IovaRange{request.target.value_or(Iova{}), request.range.length};
        case DmaRequest::Verb::read: break;
    }
    return std::nullopt;
}

std::optional<IovaRange> read_by(const DmaRequest& request) {
    if (request.verb == DmaRequest::Verb::write) return std::nullopt;
    return request.range;
}

Account account_for(const History& history, const Scene& scene, const DmaRequest& request,
                    const Interval& window, const Landing& landing, const Contested& contested) {
    return Accountant(history, scene, request, window, landing, contested).run();
}

}  // namespace landfall

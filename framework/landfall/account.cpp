#include "landfall/account.hpp"

#include <algorithm>

namespace landfall {
namespace {

constexpr Access kRead{true, false}, kWrite{false, true};

class Accountant {
  public:
    Accountant(const History& history, const Scene& scene, const DmaRequest& request, const Interval& window,
               const Landing& landing, const Contested& contested, Account& out)
        : scene_(scene),
          request_(request),
          landing_(landing),
          contested_(contested),
          out_(out),
          watch_(history, *out.device, window) {}

    void run() {
        out_.pieces.clear();
        const auto from = read_by(request_), to = written(request_);
        look(from, out_.read);
        look(to, out_.write);
        look(scene_.rings(), out_.rings);
        weigh(from, to);
        // What a copy read is known only from what it wrote.
        if (from && (!to || !landing_.from.empty())) take(*from, kRead, out_.read, landing_.from);
        if (to) take(*to, kWrite, out_.write, landing_.lands);
        if (to)
            for (const auto& s : landing_.also)
                if (s.place) take_further(*to, *s.place);
    }

  private:
    void look(const std::optional<IovaRange>& range, Outlook& out) const {
        if (range)
            watch_.look(*range, out);
        else
            out.clear();
    }

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
        return std::ranges::any_of(out_.rings.stretches,
                                   [](const Stretch& s) { return s.may_block({true, true}); });
    }

    // Every length spelled out: a bare buffer is all of it, a lone gap, or what is not told, the whole rest.
    void take(const IovaRange& range, Access access, const Outlook& outlook,
              const std::vector<Segment>& segments) {
        Taking at{range, access, outlook, range.start, 0};
        auto left = range.length;
        for (const auto& s : segments) {
            auto length = s.place ? scene_.length(*s.place) : s.length;
            if (length == 0 || length > left) length = left;
            if (length == 0) break;
            take_seen(at, s.place, length);
            left -= length;
        }
        if (left > 0) take_seen(at, std::nullopt, left);
    }

    // How far a range has been accounted for.
    struct Taking {
        const IovaRange& range;
        Access access;
        const Outlook& outlook;
        Iova next;
        std::size_t stretch;
    };

    void take_seen(Taking& at, const std::optional<BufferSlice>& place, std::uint64_t length) {
        auto offset = place && place->span ? place->span->offset : 0;
        while (length > 0) {
            const auto& stretch = at.outlook.stretches[at.stretch];
            const auto rest = stretch.range.last() - at.next + 1;
            const auto taken = std::min(rest, length);
            auto& piece = out_.pieces.emplace_back(
                Piece{{at.next, taken}, at.access, std::nullopt, stretch.candidates, Fate::explained});
            if (place) piece.place = BufferSlice{place->buffer, BufferSlice::Span{offset, taken}};
            piece.fate = fate_of(piece, stretch, at.outlook, (at.next - at.range.start) + taken);
            offset += taken;
            length -= taken;
            at.next = at.next + taken;
            if (taken == rest) ++at.stretch;
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
                       return c.leads_to(memory, source) || contested_(c.at(source), piece.iova.length);
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
            if (!c.leads_to(memory, piece.iova.start)) continue;
            if (c.mapping->area.tolerated.allows(piece.access)) return Fate::explained;
            fate = Fate::forbidden;
        }
        return fate;
    }

    // Bytes found in one more place; which bytes of the DMA they are is not said.
    void take_further(const IovaRange& range, const BufferSlice& place) {
        const auto memory = scene_.memory(place);
        Piece piece{range, kWrite, place, out_.write.candidates, Fate::misplaced};
        for (const auto& s : out_.write.stretches) {
            for (const auto& c : s.candidates) {
                const auto base = c.at(s.range.start);
                if (base.buffer == memory.buffer && memory.address >= base.address &&
                    memory.address - base.address < s.range.length)
                    piece.fate = Fate::explained;
            }
        }
        out_.pieces.push_back(std::move(piece));
    }

    const Scene& scene_;
    const DmaRequest& request_;
    const Landing& landing_;
    const Contested& contested_;
    Account& out_;
    History::Watch watch_;
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
    Account out;
    account_for(history, scene, request, window, landing, contested, out);
    return out;
}

void account_for(const History& history, const Scene& scene, const DmaRequest& request, const Interval& window,
                 const Landing& landing, const Contested& contested, Account& out) {
    out.device = history.find(request.device);
    Accountant(history, scene, request, window, landing, contested, out).run();
}

}  // namespace landfall

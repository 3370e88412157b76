#include "linux/loan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "landfall/error.hpp"

namespace landfall {
namespace {

constexpr std::string_view kScratch = ",scratch";
/// As the links of sysfs that lead from a physical function to its virtual ones.
constexpr std::string_view kVirtual = "/virtfn";

std::optional<unsigned> number(std::string_view text) {
    unsigned out = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, out);
    return error == std::errc{} && stop == end && out < kMostVirtualFunctions ? std::optional(out)
                                                                              : std::nullopt;
}

std::optional<NamedDevice> parse_device(std::string_view text) {
    NamedDevice out;
    out.scratch = text.ends_with(kScratch);
    if (out.scratch) text.remove_suffix(kScratch.size());
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    out.name = text.substr(0, equals);
    const auto place = text.substr(equals + 1);
    const auto behind = place.find(kVirtual);
    const auto bdf = Bdf::parse(place.substr(0, behind));
    if (!bdf) return std::nullopt;
    out.bdf = *bdf;
    if (behind == std::string_view::npos) return out;
    const auto vf = number(place.substr(behind + kVirtual.size()));
    if (!vf) return std::nullopt;
    out.virtual_of = VirtualOf{*bdf, *vf};
    return out;
}

}  // namespace

std::vector<NamedDevice> parse_devices(const std::vector<std::string>& arguments) {
    std::vector<NamedDevice> out;
    for (const auto& text : arguments) {
        const auto device = parse_device(text);
        if (!device)
            throw TextError(
                {"--device", 0, 0}, text,
                "NAME=BDF or NAME=BDF/virtfnN, such as a=0000:00:08.0 or a=0000:01:00.0/virtfn0, and "
                "',scratch' behind it if it is");
        out.push_back(*device);
    }
    return out;
}

Loan::Loan(std::vector<NamedDevice> functions) : functions_(std::move(functions)) {
    list();
    keeper_.emplace([bindings = bindings_, virtual_functions = virtual_functions_] {
        for (const auto& v : virtual_functions) v.restore();
        for (const auto& b : bindings) b.restore();
    });
    take();
}

/// What is to be taken, and made, and how all is now.
void Loan::list() {
    std::map<Bdf, unsigned> counts;
    for (const auto& f : functions_)
        if (f.virtual_of) {
            auto& count = counts[f.virtual_of->physical];
            count = std::max(count, f.virtual_of->number + 1);
        }
    for (const auto& f : functions_) {
        if (f.virtual_of) continue;
        if (counts.contains(f.bdf))
            throw LabError(
                fmt::format("{} is {}, whose virtual functions are named: expected one or the other", f.name,
                            f.bdf.str()));
        bindings_.emplace_back(f.bdf);
    }
    for (const auto& [physical, count] : counts) {
        bindings_.emplace_back(physical);
        virtual_functions_.emplace_back(physical, count);
    }
}

void Loan::take() {
    for (auto& b : bindings_) b.take();
    for (const auto& v : virtual_functions_) v.make();
    for (auto& f : functions_) {
        if (!f.virtual_of) continue;
        const auto made = std::ranges::find(virtual_functions_, f.virtual_of->physical, &VirtualFunctions::physical);
        f.bdf = made->address(f.virtual_of->number);
        // vfio-pci has it already, unless drivers do not come by themselves here. It is gone before it could be handed back.
        DriverBinding(f.bdf).take();
    }
}

}  // namespace landfall

#include "linux/loan.hpp"

#include "landfall/error.hpp"

namespace landfall {

std::vector<NamedDevice> parse_devices(const std::vector<std::string>& arguments) {
    constexpr std::string_view kScratch = ",scratch";
    std::vector<NamedDevice> out;
    for (const auto& text : arguments) {
        const bool scratch = text.ends_with(kScratch);
        const auto place = text.substr(0, text.size() - (scratch ? kScratch.size() : 0));
        const auto equals = place.find('=');
        const auto bdf = equals == std::string::npos ? std::nullopt : Bdf::parse(place.substr(equals + 1));
        if (!bdf)
            throw TextError({"--device", 0, 0}, text, "NAME=BDF or NAME=BDF,scratch, such as a=0000:00:08.0");
        out.push_back({place.substr(0, equals), *bdf, scratch});
    }
    return out;
}

Loan::Loan(const std::vector<NamedDevice>& functions) {
    for (const auto& f : functions) bindings_.emplace_back(f.bdf);
    keeper_.emplace([bindings = bindings_] {
        for (const auto& b : bindings) b.restore();
    });
    for (auto& b : bindings_) b.take();
}

}  // namespace landfall

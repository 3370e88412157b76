// Which of the kernel's interfaces a rig's address spaces are driven by. The head of a trace says so as a feature.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace landfall {

enum class Api {
    iommufd,  ///< IOASes of /dev/iommu, devices by their own files
    type1,    ///< VFIO containers (type1, version 2), devices by their group
    compat,   ///< the calls of containers, to iommufds that stand for them
};
inline constexpr std::array kApis{Api::iommufd, Api::type1, Api::compat};

/// The word of the command line, of rig files, and of the fact `feature`.
[[nodiscard]] constexpr std::string_view api_str(Api api) {
    switch (api) {
        case Api::iommufd: return "iommufd";
        case Api::type1: return "type1";
        case Api::compat: return "compat";
    }
    return {};
}

[[nodiscard]] constexpr std::optional<Api> parse_api(std::string_view word) {
    for (const auto api : kApis)
        if (word == api_str(api)) return api;
    return std::nullopt;
}

}  // namespace landfall

// Tables with names for keys, in no order, looked up by hash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace landfall {

/// FNV-1a. Names are a few letters long; std::hash is made for longer ones.
struct NameHash {
    using is_transparent = void;  // no string is made of what is looked for
    std::size_t operator()(std::string_view name) const {
        std::uint64_t hash = 0xcbf29ce484222325;
        for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        return static_cast<std::size_t>(hash);
    }
};

template <class T>
using ByName = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;

}  // namespace landfall

// What libFuzzer calls (LLVM's docs/LibFuzzer.rst). One program a property; CMakeLists.txt says which.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "fuzz/mutate.hpp"
#include "fuzz/property.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace landfall::fuzz {
namespace {

std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

std::size_t put(const std::string& text, std::uint8_t* out, std::size_t most) {
    const auto size = std::min(text.size(), most);
    std::memcpy(out, text.data(), size);
    return size;
}

}  // namespace
}  // namespace landfall::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace landfall::fuzz;
    LANDFALL_FUZZ_PROPERTY(text_of(data, size));
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    using namespace landfall::fuzz;
    landfall::Random random(seed);
    if (random.below(2) == 0) return LLVMFuzzerMutate(data, size, most);
    return put(mutate(text_of(data, size), random), data, most);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size, const std::uint8_t* other,
                                                 std::size_t other_size, std::uint8_t* out, std::size_t most,
                                                 unsigned seed) {
    using namespace landfall::fuzz;
    landfall::Random random(seed);
    return put(cross(text_of(one, one_size), text_of(other, other_size), random), out, most);
}

// A stretch of this process's address space and its one owner.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "landfall/types.hpp"

namespace landfall {

class Mapping {
  public:
    Mapping() = default;
    Mapping(std::byte* address, std::size_t length, int file = -1) : address_(address), length_(length), file_(file) {}
    Mapping(Mapping&& o) noexcept { swap(o); }
    Mapping& operator=(Mapping&& o) noexcept {
        Mapping(std::move(o)).swap(*this);
        return *this;
    }
    ~Mapping();

    /// Anonymous or memfd memory, zeroed and resident. `huge` asks for hugetlb pages of 2 MiB, which follow each other in memory as
    /// well, `scattered` for pages that are no neighbours there, both as far as it is to be had. An errno if refused.
    struct Request {
        std::size_t length = 0;
        bool huge = false, memfd = false, scattered = false;
    };
    [[nodiscard]] static std::pair<Errno, Mapping> make(const Request& request);

    [[nodiscard]] std::span<std::byte> bytes() const { return {address_, length_}; }
    [[nodiscard]] int file() const { return file_; }
    /// Takes the right to write away (PROT_READ) from whole pages.
    void make_read_only(std::size_t offset, std::size_t length) const;

  private:
    void touch_apart() const;
    void swap(Mapping& o) noexcept {
        std::swap(address_, o.address_);
        std::swap(length_, o.length_);
        std::swap(file_, o.file_);
    }
    std::byte* address_ = nullptr;
    std::size_t length_ = 0;
    int file_ = -1;
};

}  // namespace landfall

// A value that is copied when it is changed, and not before.
#pragma once

#include <cstddef>
#include <utility>

namespace landfall {

/// Copies share what they hold until one of them is changed. All of them belong to one thread.
template <class T>
class CopyOnWrite {
  public:
    CopyOnWrite() : CopyOnWrite(T()) {}
    explicit CopyOnWrite(T value) : cell_(new Cell{std::move(value), 1}) {}
    CopyOnWrite(const CopyOnWrite& o) : cell_(o.cell_) { ++cell_->holders; }
    CopyOnWrite& operator=(CopyOnWrite o) noexcept {
        std::swap(cell_, o.cell_);
        return *this;
    }
    ~CopyOnWrite() {
        if (--cell_->holders == 0) delete cell_;
    }

    const T& operator*() const { return cell_->value; }
    const T* operator->() const { return &cell_->value; }
    /// For a change; references to the value that were given out before may be to the others'.
    [[nodiscard]] T& own() {
        if (cell_->holders > 1) {
            auto* mine = new Cell{cell_->value, 1};
            --cell_->holders;
            cell_ = mine;
        }
        return cell_->value;
    }
    bool operator==(const CopyOnWrite& o) const { return cell_ == o.cell_ || **this == *o; }

  private:
    struct Cell {
        T value;
        std::size_t holders;
    };
    Cell* cell_;
};

}  // namespace landfall

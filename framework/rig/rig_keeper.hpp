// Keeps the machine that scenarios run on: started when first needed, and again after it was lost.
#pragma once

#include <memory>

#include "rig/rig.hpp"

namespace landfall {

class RigKeeper {
  public:
    RigKeeper(RigFile file, RigOptions options) : file_(std::move(file)), options_(std::move(options)) {}

    /// The rig, checked, or restored to a state that was found fit. Throws LabError if it does not start, or is not what its file says.
    [[nodiscard]] Rig& get();
    void lost() { rig_.reset(); }
    [[nodiscard]] const RigFile& file() const { return file_; }

  private:
    RigFile file_;
    RigOptions options_;
    std::unique_ptr<Rig> rig_;
};

}  // namespace landfall

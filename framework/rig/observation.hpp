// Somebody else's program on a rig, under observation: the controller's half of `landfall tap`.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "landfall/trace.hpp"
#include "rig/rig.hpp"

namespace landfall {

/// How the observed program ended.
struct ObservedEnd {
    enum class How { exited, killed, stopped };  ///< stopped: its time was over
    How how{};
    int number = 0;  ///< its exit status, or the signal's
    bool operator==(const ObservedEnd&) const = default;
    [[nodiscard]] bool well() const { return how == How::exited && number == 0; }
    /// "exited 0", "killed SIGSEGV", "stopped".
    [[nodiscard]] std::string str() const;
};

// The last line of `landfall tap`, and what stands before those of its second trace.
[[nodiscard]] std::string print(const ObservedEnd& end);
[[nodiscard]] std::optional<ObservedEnd> parse_end(std::string_view line);
inline constexpr std::string_view kType1Prefix = "type1: ";

/// What a guest's first process is asked for; print() is one line, and parse_request() reads it back or
/// throws TextError.
struct TapRequest {
    std::chrono::milliseconds limit{};
    std::vector<std::string> devices;  ///< NAME=BDF
    std::vector<std::string> command;
    bool operator==(const TapRequest&) const = default;
};
inline constexpr std::string_view kTap = "tap ";
[[nodiscard]] std::string print(const TapRequest& request);
[[nodiscard]] TapRequest parse_request(std::string_view line);

struct ObserveOptions {
    std::vector<std::string>
        command;                     ///< the program as for a shell, {a} stands for the function a's address
    std::vector<std::string> files;  ///< qemu: more of this machine's files the program finds at their places
    std::chrono::milliseconds limit = std::chrono::minutes(5);
    std::function<void(std::string_view)>
        show;  ///< what the program and its machine say meanwhile; may be empty
};

struct Observation {
    Trace trace;                     ///< of everything but containers; its model is `iommufd`
    Trace type1;                     ///< of VFIO's own containers; its model is `type1`
    std::optional<ObservedEnd> end;  ///< nullopt: the rig was lost before
    std::string console;             ///< of a virtual rig
};

/// Gets the machine, runs the program on it and gives the machine up again. Throws LabError if there is no
/// such program, if the machine cannot be had, or if it cannot be observed there; a rig that dies meanwhile
/// is the end of the trace.
[[nodiscard]] Observation observe(const RigFile& file, RigOptions boot, const ObserveOptions& options);

}  // namespace landfall

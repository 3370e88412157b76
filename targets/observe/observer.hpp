// Follows a program by its system calls and hands those that concern an IOMMU to the Translator.
#pragma once

#include <functional>
#include <map>

#include "observe/tracer.hpp"
#include "observe/translator.hpp"

namespace landfall {

class Observer final : public CallListener, private Tracee {
  public:
    /// `now` is the clock of the trace.
    Observer(std::vector<ObservedFunction> functions, Transcript& iommufd, Transcript& type1,
             std::function<Nanoseconds()> now);

    bool entered(const SystemCall& call) override;
    void returned(const SystemCall& call, std::int64_t result) override;
    void started(pid_t parent, pid_t thread, std::uint64_t flags) override;
    void executed(pid_t before, pid_t thread) override;
    void ending(pid_t thread, int status) override;
    void ended(pid_t thread) override;

  private:
    bool read(pid_t thread, std::uint64_t address, std::span<std::byte> to) const override;
    unsigned memory_of(pid_t thread) const override;
    std::pair<std::uint64_t, std::uint64_t> inode(pid_t thread, int descriptor) const override;
    bool maps(pid_t thread, const std::string& path) const override;

    struct UnderWay {
        Nanoseconds begin;
        std::vector<std::byte> argument;  ///< of an ioctl
    };
    void ioctl(const SystemCall& call, std::int64_t result, const UnderWay& under_way);
    void opened(const SystemCall& call, int descriptor);
    void duplicated(const SystemCall& call, int descriptor);
    void closing(const SystemCall& call);
    void close_range(const SystemCall& call);
    [[nodiscard]] Descriptors& descriptors() { return translator_.descriptors(); }
    [[nodiscard]] bool is_ours(pid_t thread, std::uint64_t descriptor);
    [[nodiscard]] std::vector<std::byte> argument_of(const SystemCall& call) const;
    void each_transcript(void (Transcript::*tell)(pid_t), pid_t thread);

    Transcript &iommufd_, &type1_;
    std::function<Nanoseconds()> now_;
    Translator translator_;
    std::map<pid_t, UnderWay> under_way_;
    std::map<pid_t, unsigned> memory_;     ///< of every thread, by number
    std::map<pid_t, Nanoseconds> ending_;  ///< since when
    unsigned next_memory_ = 0;
    pid_t program_ = 0;  ///< what everything began with
};

}  // namespace landfall

#include "rig/local_rig.hpp"

#include <fmt/format.h>

#include "landfall/error.hpp"
#include "os/keeper.hpp"
#include "os/wire.hpp"
#include "rig/channel.hpp"
#include "rig/console.hpp"
#include "rig/paths.hpp"
#include "rig/session.hpp"

namespace landfall {
namespace {

constexpr std::chrono::milliseconds kGiveBackLimit{5000};

/// One `landfall exec` and our ends of what it speaks through. It ends with its channel; the keeper sees to
/// the rest.
class Exec {
  public:
    explicit Exec(std::vector<std::string> argv) : Exec(std::move(argv), make_wire(), make_wire()) {}
    Exec(const Exec&) = delete;
    Exec& operator=(const Exec&) = delete;
    /// Its last word comes before it has given the functions back; the next one must not meet it doing so.
    ~Exec() { std::ignore = program_.wait(kGiveBackLimit); }

    Console console;
    Channel channel;

  private:
    Exec(std::vector<std::string> argv, Wire lines, Wire log)
        : console({}, std::move(log.ours)),
          channel(std::move(lines.ours), console),
          program_({landfall_program(),
                    std::move(argv),
                    {},
                    lines.theirs.get(),
                    lines.theirs.get(),
                    log.theirs.get()}) {}

    KeptProgram program_;
};

class LocalRig final : public Rig {
  public:
    LocalRig(RigFile file, std::chrono::milliseconds step_limit, std::optional<Api> api)
        : file_(std::move(file)), step_limit_(step_limit), api_(api) {}

    [[nodiscard]] const RigFile& file() const override { return file_; }

    /// The session must be gone before the next one starts.
    [[nodiscard]] std::unique_ptr<Session> session(const std::vector<std::string>& devices) override {
        std::vector<std::string> argv{"landfall", "exec"};
        if (api_) argv.insert(argv.end(), {"--api", std::string(api_str(*api_))});
        for (const RigFunction& f : chosen_functions(file_, devices)) {
            argv.insert(argv.end(), {"--device", device_argument(f)});
        }
        log_ = console();
        exec_.reset();
        exec_ = std::make_unique<Exec>(std::move(argv));
        return make_session(exec_->channel, {file_.name, step_limit_, false});
    }

    [[nodiscard]] std::string console() const override {
        if (!exec_) return log_;
        exec_->console.drain();
        return log_ + exec_->console.text();
    }

  private:
    RigFile file_;
    std::chrono::milliseconds step_limit_;
    std::optional<Api> api_;
    std::string log_;  ///< of the sessions before
    std::unique_ptr<Exec> exec_;
};

}  // namespace

std::unique_ptr<Rig> start_local_rig(const RigFile& file, const RigOptions& options) {
    return std::make_unique<LocalRig>(file, options.step_limit, chosen_api(file, options));
}

}  // namespace landfall

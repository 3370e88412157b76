// The first process of a virtual rig: prepares the guest, then starts what the controller asks for over the
// virtio-serial port named "landfall". Its log is the console.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "commands/commands.hpp"
#include "linux/config_space.hpp"
#include "linux/guest_modules.hpp"
#include "linux/loan.hpp"
#include "linux/sysfs.hpp"
#include "os/fd.hpp"
#include "rig/initramfs.hpp"
#include "rig/observation.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
// Pages that move leave their content behind, in memory that is nobody's.
constexpr const char* kCompaction = "/proc/sys/vm/compaction_proactiveness";
constexpr const char* kPorts = "/sys/class/virtio-ports";
constexpr const char* kShell = "/bin/busybox";
constexpr const char* kReady = "ready landfall 1";

void say(const std::string& text) { fmt::print(stderr, "landfall guest: {}\n", text); }

void mount_on(const char* type, const char* where, const char* needs) {
    mkdir(where, 0755);
    if (mount(type, where, type, 0, nullptr) == 0 || errno == EBUSY) return;
    say(fmt::format("no {} at {}: {} (the kernel needs {}=y)", type, where, std::strerror(errno), needs));
}

/// The kernel could not open a console for us, since /dev was empty when it started us.
void open_console() {
    const int console = open("/dev/console", O_RDWR | O_NOCTTY);
    for (int n = 0; n < 3 && console >= 0; ++n) dup2(console, n);
    if (console > 2) close(console);
}

void prepare() {
    mount_on("devtmpfs", "/dev", "CONFIG_DEVTMPFS");
    open_console();
    mount_on("proc", "/proc", "CONFIG_PROC_FS");
    mount_on("sysfs", "/sys", "CONFIG_SYSFS");
    // What the machine was given there (a program to observe, say) must stay to be seen.
    if (std::error_code ignored; fs::is_empty("/tmp", ignored)) mount_on("tmpfs", "/tmp", "CONFIG_TMPFS");
    mount_on("hugetlbfs", "/dev/hugepages", "CONFIG_HUGETLBFS");
    std::ofstream(kHugePages) << 16;
    std::ofstream(kCompaction) << 0;
    for (const auto& trouble : load_modules("/modules", read_line("/proc/cmdline").value_or(""))) say(trouble);
    if (access("/dev/iommu", F_OK) != 0 && access("/dev/vfio/vfio", F_OK) != 0)
        say("no /dev/iommu and no /dev/vfio/vfio: this kernel lacks CONFIG_IOMMUFD and CONFIG_VFIO_CONTAINER");
    setenv("PATH", "/bin", 1);
    setenv("HOME", "/", 1);
}

std::optional<std::string> find_port() {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(kPorts, ignored)) {
        std::string name;
        std::getline(std::ifstream(entry.path() / "name"), name);
        if (name == "landfall") return "/dev/" + entry.path().filename().string();
    }
    return std::nullopt;
}

Fd open_port() {
    if (access(kPorts, F_OK) != 0) {
        throw LabError(
            "no channel to the controller: the kernel needs CONFIG_VIRTIO_PCI=y and CONFIG_VIRTIO_CONSOLE=y");
    }
    // The port's name comes in a message of its own, after the driver is up.
    constexpr int kTries = 500;
    for (int n = 0; n < kTries; ++n, usleep(10'000)) {
        const auto path = find_port();
        Fd port(path ? open(path->c_str(), O_RDWR | O_CLOEXEC) : -1);
        if (port) return port;
    }
    throw LabError("no virtio-serial port is named 'landfall'");
}

/// Waits for one child; orphans that came to us are reaped on the way.
int wait_for(pid_t child) {
    int status = 0;
    for (pid_t ended; (ended = wait(&status)) != child;) {
        if (ended < 0 && errno == ECHILD) return 127;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Forks; the exit status of `child`, which runs in the new process.
int run(const std::function<int()>& child) {
    const pid_t process = fork();
    if (process == 0) _exit(child());
    return process < 0 ? 127 : wait_for(process);
}

int run(const std::string& program, std::vector<std::string> words,
        const std::function<void()>& prepare_child) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return run([&] {
        prepare_child();
        execv(program.c_str(), argv.data());
        say(fmt::format("{}: {}", program, std::strerror(errno)));
        return 127;
    });
}

/// How this machine was before a snapshot of it was taken.
struct Remembered {
    ConfigSpaces functions{"/sys/bus/pci/devices"};
    std::optional<Machine> machine{};  ///< once it was looked at
};

/// What no driver has goes to vfio-pci for as long as this machine lives: a snapshot that is taken afterwards saves every session
/// the time. What that does not work for is the session's to tell of, and virtual functions are made for one.
std::string take(std::istream& arguments, Remembered& remembered) {
    for (std::string word; arguments >> word;) {
        try {
            const auto function = parse_devices({word}).front();
            if (!function.virtual_of && link_name(pci_directory(function.bdf) + "/driver").empty()) DriverBinding(function.bdf).take();
        } catch (const std::exception& e) {
            say(e.what());
        }
    }
    remembered = {.machine = discover()};
    return kReady;
}

/// While this lives vfio-pci does not reset functions when it opens and when it closes them, which takes 100 ms each (PCI
/// Express Base Specification, 6.6.2): of a machine that has just come up, none was used. Those that know no such reset are left
/// alone (Documentation/ABI/testing/sysfs-bus-pci, reset_method).
class Unreset {
  public:
    explicit Unreset(std::vector<NamedDevice> functions) : functions_(std::move(functions)) { choose("\n"); }
    Unreset(const Unreset&) = delete;
    Unreset& operator=(const Unreset&) = delete;
    ~Unreset() { choose("default"); }

  private:
    void choose(const char* methods) const {
        for (const auto& f : functions_)
            if (!f.virtual_of) (void)write_attribute(fmt::format("/sys/bus/pci/devices/{}/reset_method", f.bdf.str()), methods);
    }
    std::vector<NamedDevice> functions_;
};

/// In a fork of this process: an emulated processor that has just been restored takes a quarter of a second to load and
/// link a program, and this one is loaded already.
int exec(std::istream& arguments, int steps, int port, const std::optional<Machine>& machine) {
    ExecArguments wanted;
    if (steps != port) wanted.answers = STDOUT_FILENO;
    bool first = false;
    for (std::string word; arguments >> word;) {
        if (word == "witness") wanted.witness = true;
        else if (word == "bare-pumps") wanted.bare_pumps = true;
        else if (word == "first") first = true;
        else if (const auto api = parse_api(word)) wanted.api = api;
        else wanted.devices.push_back(word);
    }
    // Virtual functions come after it was looked at.
    const auto is_virtual = [](const NamedDevice& d) { return d.virtual_of.has_value(); };
    const auto functions = parse_devices(wanted.devices);
    if (machine && std::ranges::none_of(functions, is_virtual)) wanted.machine = &*machine;
    const auto unreset = first ? std::optional<Unreset>(std::in_place, functions) : std::nullopt;
    return run([&] {
        dup2(steps, STDIN_FILENO);
        dup2(port, STDOUT_FILENO);
        try {
            return static_cast<int>(exec_steps(wanted));
        } catch (const std::exception& e) {
            say(e.what());
            return static_cast<int>(ExitStatus::lab);
        }
    });
}

int tap(const std::string& request, int port) {
    const auto asked = parse_request(request);
    std::vector<std::string> words{"landfall", "tap", "--limit", std::to_string(asked.limit.count())};
    for (const auto& device : asked.devices) words.insert(words.end(), {"--device", device});
    words.emplace_back("--");
    words.insert(words.end(), asked.command.begin(), asked.command.end());
    return run("/init", words, [port] { dup2(port, STDOUT_FILENO); });
}

int shell() {
    if (access(kShell, X_OK) != 0) {
        say("there is no shell in here: the controller's machine needs the package busybox-static");
        return 127;
    }
    run(kShell, {"busybox", "--install", "-s", "/bin"}, [] {});
    std::error_code ignored;
    fs::create_symlink("/init", "/bin/landfall", ignored);
    return run(kShell, {"sh"}, [] {
        setsid();
        const int terminal = open(("/dev/" + read_line("/sys/class/tty/console/active").value_or("ttyS0")).c_str(), O_RDWR);
        ioctl(terminal, TIOCSCTTY, 0);
        for (int n = 0; n < 3; ++n) dup2(terminal, n);
    });
}

void answer(int port, const std::string& line) {
    const std::string text = line + '\n';
    if (write(port, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw LabError("the controller does not listen");
    }
}

/// The next command, read byte by byte: what follows it belongs to the program it starts.
std::optional<std::string> next_command(int port) {
    std::string line;
    for (char c = 0; read(port, &c, 1) == 1; line += c) {
        if (c == '\n') return line;
    }
    return std::nullopt;
}

/// This machine goes on from a snapshot: its memory is as it was, and its devices are made so.
std::string restore(const ConfigSpaces& functions) {
    const auto lost = functions.restore();
    if (lost.empty()) return kReady;
    return fmt::format("functions that cannot be set up again: {}", fmt::join(lost, " "));
}

/// Carries out what comes from `commands` until its end. Returns false if it said to power off.
bool obey(int commands, int port, Remembered& remembered) {
    while (const auto command = next_command(commands)) {
        std::istringstream words(*command);
        std::string verb;
        words >> verb;
        if (verb == "restored") answer(port, restore(remembered.functions));
        if (verb == "take") answer(port, take(words, remembered));
        if (verb == "exec") answer(port, fmt::format("exit {}", exec(words, commands, port, remembered.machine)));
        if (verb == "tap") answer(port, fmt::format("exit {}", tap(*command, port)));
        if (verb == "shell") answer(port, fmt::format("exit {}", shell()));
        if (verb == "poweroff") return false;
        // Anything else was meant for a program that ended before it read it: `end`, after a step was not
        // met.
    }
    return true;
}

void serve(int port) {
    Remembered remembered;
    answer(port, kReady);
    if (const Fd script(open(kScriptFile, O_RDONLY | O_CLOEXEC)); script && !obey(script.get(), port, remembered)) return;
    obey(port, port, remembered);
}

[[noreturn]] void be_first_process() {
    try {
        prepare();
        serve(open_port().get());
    } catch (const std::exception& e) {
        say(e.what());
    }
    reboot(RB_POWER_OFF);
    for (;;) pause();  // a first process that ends is a kernel panic
}

}  // namespace

void add_guest(CLI::App& app, ExitStatus&) {
    auto* command = app.add_subcommand("guest", "be the first process of a virtual rig");
    command->group("");  // not for people: no mention in the help
    command->callback([] {
        if (getpid() != 1) throw LabError("this is what a virtual rig starts with; see landfall rig");
        be_first_process();
    });
}

}  // namespace landfall

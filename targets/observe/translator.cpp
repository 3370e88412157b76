#include "observe/translator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>

namespace landfall {
namespace {

// Answers that hang on what no trace knows: whether memory is there and how much may be pinned, what the
// kernel supports, signals. That a call was refused so changes nothing, so the trace may be silent about it.
constexpr std::array kNotOurs{EFAULT, ENOMEM, E2BIG, EOPNOTSUPP, EINTR, EACCES, ENODEV, EMSGSIZE};

constexpr std::uint64_t kLargestBuffer = 1ULL << 30;  // the grammar's

}  // namespace

Translator::Translator(std::vector<ObservedFunction> functions, const Tracee& tracee, Transcript& iommufd,
                       Transcript& type1)
    : functions_(std::move(functions)),
      tracee_(tracee),
      iommufd_(iommufd),
      type1_(type1),
      descriptors_([this](FileId file) { released(file); }) {}

void Translator::begin(Nanoseconds now) {
    for (const auto& f : functions_)
        iommufd_.step(0, {now, now}, DeviceControl{DeviceControl::Verb::close, f.name}, Answer{});
    iommufd_.over(0);
}

// ---- files ------------------------------------------------------------------------------------------------

Translator::Device Translator::make_device(const std::string& bdf) const {
    const auto parsed = Bdf::parse(bdf);
    const auto it =
        std::ranges::find_if(functions_, [&](const ObservedFunction& f) { return parsed == f.bdf; });
    Device device;
    if (it != functions_.end()) device.name = it->name;
    return device;
}

void Translator::opened(pid_t thread, int descriptor, const std::string& path, bool close_on_exec) {
    constexpr std::string_view kDevices = "/dev/vfio/devices/", kGroups = "/dev/vfio/";
    std::optional<File> file;
    if (path == "/dev/iommu") {
        file = Context{};
    } else if (path == "/dev/vfio/vfio") {
        file = Container{};
    } else if (path.starts_with(kDevices)) {
        std::error_code error;
        const auto link = std::filesystem::read_symlink(
            "/sys/class/vfio-dev/" + path.substr(kDevices.size()) + "/device", error);
        auto device = make_device(link.filename().string());
        device.path = path;
        file = std::move(device);
    } else if (path.starts_with(kGroups)) {
        Group group;
        const auto number = path.substr(kGroups.size());
        if (std::from_chars(number.data(), number.data() + number.size(), group.number).ec == std::errc{})
            file = group;
    }
    if (file)
        files_.emplace(descriptors_.open(thread, descriptor, close_on_exec), std::move(*file));
    else
        descriptors_.close(thread, descriptor, descriptor);
}

std::optional<FileKind> Translator::kind(FileId id) const {
    constexpr std::array kKinds{FileKind::iommufd, FileKind::container, FileKind::group, FileKind::device};
    const auto it = files_.find(id);
    return it == files_.end() ? std::nullopt : std::optional(kKinds.at(it->second.index()));
}

void Translator::released(FileId id) {
    auto node = files_.extract(id);
    if (node.empty()) return;
    if (auto* group = std::get_if<Group>(&node.mapped())) return leave(id, *group);
    const auto* device = std::get_if<Device>(&node.mapped());
    if (device == nullptr) return;
    // The kernel keeps a file open that is mapped; when that ends is not watched.
    if (auto* context = get<Context>(device->context); context != nullptr && !context->lost &&
                                                       !device->path.empty() &&
                                                       tracee_.maps(thread_, device->path)) {
        context->lost = true;
        iommufd_.not_followed(
            "what this iommufd does after a device was closed with its registers still mapped");
    }
    if (device->open && !device->name.empty()) {
        iommufd_.step(thread_, now_, DeviceControl{DeviceControl::Verb::close, device->name}, Answer{});
        now_.begin = now_.end;  // what goes next goes after it
    }
    if (device->group) descriptors_.let_go(*device->group);
    if (device->context) descriptors_.let_go(*device->context);
}

// ---- calls ------------------------------------------------------------------------------------------------

void Translator::called(const Ioctl& call) {
    at(call.thread, call.when);
    const auto it = files_.find(call.file);
    if (it == files_.end()) return;
    std::visit(
        Overloaded{[&](Context& f) { iommufd_call(call, f); }, [&](Container& f) { container_call(call, f); },
                   [&](Group& f) { group_call(call, f); }, [&](Device& f) { device_call(call, f); }},
        it->second);
}

void Translator::record(const Ioctl& call, Transcript& to, Step step, Answer answer) {
    if (std::ranges::find(kNotOurs, answer.error.value) != kNotOurs.end()) return skip(call);
    to.step(call.thread, call.when, std::move(step), std::move(answer));
}

void Translator::skip(const Ioctl& call, const std::string& why) {
    const auto kind = this->kind(call.file).value_or(FileKind::iommufd);
    if (is_beside_the_point(kind, call.request)) return;
    iommufd_.not_judged(fmt::format("{} => {}{}{}", request_name(kind, call.request),
                                    call.ok() ? "ok" : call.error().str(), why.empty() ? "" : ": ", why));
}

void Translator::lose(const Ioctl& call, Context& context, const std::string& why) {
    skip(call, why);
    if (context.lost) return;
    context.lost = true;
    iommufd_.not_followed(fmt::format("what this iommufd does after {}: {}",
                                      request_name(FileKind::iommufd, call.request), why));
}

std::optional<BufferSlice> Translator::buffer(const Ioctl& call, Transcript& to, std::uint64_t address,
                                              std::uint64_t length, std::optional<int> file) {
    const auto skew = address % kPageSize;
    if (length == 0 || length > kLargestBuffer || length % 8 != 0 || skew % 8 != 0) return std::nullopt;
    const auto [device, inode] =
        file ? tracee_.inode(call.thread, *file)
             : std::pair<std::uint64_t, std::uint64_t>(0, tracee_.memory_of(call.thread));
    auto& name = buffers_[{&to, device, inode, address, length}];
    if (name.empty()) {
        name = fresh(file ? "file" : "memory");
        Buffer made;
        made.name = name;
        made.size = length;
        made.memfd = file.has_value();
        made.skew = skew;
        to.step(call.thread, {call.when.begin, call.when.begin}, made, Answer{});
    }
    return BufferSlice{name, std::nullopt};
}

std::string Translator::representative(std::uint32_t group) const {
    const auto it = std::ranges::find(functions_, group, &ObservedFunction::group);
    return it == functions_.end() ? std::string() : it->name;
}

}  // namespace landfall

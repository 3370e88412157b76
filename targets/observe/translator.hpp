// From ioctls of VFIO and iommufd to steps of the grammar: what each open file is, which name its ids have in
// the trace.
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "observe/descriptors.hpp"
#include "observe/requests.hpp"
#include "observe/transcript.hpp"

namespace landfall {

/// A function of the machine that has a name in the trace.
struct ObservedFunction {
    std::string name;
    Bdf bdf;
    std::uint32_t group = 0;
};

/// What an observed thread's memory and descriptors hold, as long as it is stopped.
class Tracee {
  public:
    virtual ~Tracee() = default;
    [[nodiscard]] virtual bool read(pid_t thread, std::uint64_t address, std::span<std::byte> to) const = 0;
    /// Threads that share memory have one number.
    [[nodiscard]] virtual unsigned memory_of(pid_t thread) const = 0;
    /// Device and inode of an open file.
    [[nodiscard]] virtual std::pair<std::uint64_t, std::uint64_t> inode(pid_t thread,
                                                                        int descriptor) const = 0;
    /// A part of the file is mapped by the thread's process.
    [[nodiscard]] virtual bool maps(pid_t thread, const std::string& path) const = 0;
};

/// An ioctl that is over.
struct Ioctl {
    pid_t thread = 0;
    FileId file;
    std::uint64_t request = 0, argument = 0;
    std::vector<std::byte> before;  ///< what `argument` pointed to when the call began
    Interval when;
    std::int64_t result = 0;  ///< as the thread sees it

    [[nodiscard]] bool ok() const { return result >= 0; }
    [[nodiscard]] Errno error() const { return {ok() ? 0 : static_cast<int>(-result)}; }
    /// The argument as it was; bytes the thread's memory lacks are zero.
    template <class T>
    [[nodiscard]] T in() const {
        T value{};
        std::memcpy(&value, before.data(), std::min(before.size(), sizeof value));
        return value;
    }
};

class Translator {
  public:
    /// `iommufd` takes the steps of IOASes, `type1` those of VFIO's own containers: two traces, as they are
    /// two models.
    Translator(std::vector<ObservedFunction> functions, const Tracee& tracee, Transcript& iommufd,
               Transcript& type1);
    Translator(const Translator&) = delete;
    Translator& operator=(const Translator&) = delete;

    /// The trace's devices are open at its start, the program's are not.
    void begin(Nanoseconds now);
    [[nodiscard]] Descriptors& descriptors() { return descriptors_; }

    /// A file that was opened: one of ours by its path, or nothing to us.
    void opened(pid_t thread, int descriptor, const std::string& path, bool close_on_exec);
    [[nodiscard]] std::optional<FileKind> kind(FileId file) const;
    void called(const Ioctl& call);
    /// Files released from here on were released by this thread, within this time.
    void at(pid_t thread, Interval when) {
        thread_ = thread;
        now_ = when;
    }

    /// Bytes of an ioctl's argument worth looking at.
    static constexpr std::size_t kArgumentBytes = 128;

  private:
    enum class ObjectKind { ioas, hwpt, automatic };
    struct Object {
        std::string name;
        ObjectKind kind{};
    };
    /// Mappings by their start, kept only to know what version 1 of the container interface cuts.
    using Areas = std::map<std::uint64_t, std::uint64_t>;
    struct Context {  ///< an iommufd
        std::map<std::uint32_t, Object> objects;
        std::map<std::uint32_t, std::string> devices;
        std::string compat;  ///< the IOAS that stands for a container
        bool version1 = false, lost = false;
        Areas areas;  ///< of `compat`
    };
    struct Container {
        std::string name;
        std::set<FileId> groups;
        bool set = false, version1 = false, lost = false;
    };
    struct Group {
        std::uint32_t number = 0;
        std::optional<FileId> container;  ///< a Container, or a Context
        bool joined = false;              ///< attached to the Container
    };
    struct Device {
        std::string name;  ///< empty: a function the trace does not name
        std::string path;  ///< of its own device file; empty if it was opened through its group
        std::optional<FileId> context, group;
        bool open = false, attached = false, lost = false;
    };
    using File = std::variant<Context, Container, Group, Device>;
    template <class T>
    [[nodiscard]] T* get(std::optional<FileId> file) {
        const auto it = file ? files_.find(*file) : files_.end();
        return it == files_.end() ? nullptr : std::get_if<T>(&it->second);
    }

    void released(FileId file);
    [[nodiscard]] Device make_device(const std::string& bdf) const;

    // -- what became of a call
    void record(const Ioctl& call, Transcript& to, Step step, Answer answer);
    void record(const Ioctl& call, Step step) {
        record(call, iommufd_, std::move(step), Answer{call.error(), {}, {}});
    }
    void skip(const Ioctl& call, const std::string& why = {});
    /// It succeeded, and the trace cannot say what it did.
    void lose(const Ioctl& call, Context& context, const std::string& why);
    /// The buffer that stands for `length` bytes of the thread's memory, or of a file; nullopt if the grammar
    /// has none such.
    [[nodiscard]] std::optional<BufferSlice> buffer(const Ioctl& call, Transcript& to, std::uint64_t address,
                                                    std::uint64_t length, std::optional<int> file = {});

    // -- translator_iommufd.cpp
    void iommufd_call(const Ioctl& call, Context& context);
    void ioas_alloc(const Ioctl& call, Context& context);
    void hwpt_alloc(const Ioctl& call, Context& context);
    void destroy(const Ioctl& call, Context& context);
    void map(const Ioctl& call, Context& context);
    void map_file(const Ioctl& call, Context& context);
    void copy(const Ioctl& call, Context& context);
    void unmap(const Ioctl& call, Context& context);
    void ranges(const Ioctl& call, Context& context);
    void allow(const Ioctl& call, Context& context);
    void option(const Ioctl& call, Context& context);
    void vfio_ioas(const Ioctl& call, Context& context);
    [[nodiscard]] const Object* object(const Ioctl& call, Context& context, std::uint32_t id,
                                       bool ioas_only = true);
    void name_object(Context& context, std::uint32_t id, std::string name, ObjectKind kind);
    void record_map(const Ioctl& call, Context& context, Map map, bool known, std::uint64_t chosen);
    [[nodiscard]] std::vector<IovaRange> read_ranges(const Ioctl& call, std::uint64_t address,
                                                     std::uint32_t count) const;

    // -- translator_vfio.cpp
    void device_call(const Ioctl& call, Device& device);
    void bind(const Ioctl& call, Device& device);
    void attach(const Ioctl& call, Device& device, Context& context);
    void detach(const Ioctl& call, Device& device, Context& context);
    void reset(const Ioctl& call, Device& device);
    void group_call(const Ioctl& call, Group& group);
    void set_container(const Ioctl& call, Group& group);
    void get_device(const Ioctl& call, Group& group);
    void container_call(const Ioctl& call, Container& container);
    void compat_call(const Ioctl& call, Context& context);
    void compat_unmap(const Ioctl& call, Context& context);
    void container_map(const Ioctl& call, Container& container);
    void container_unmap(const Ioctl& call, Container& container);
    void join(const Ioctl& call, Container& container, Group& group);
    void leave(FileId id, Group& group);
    [[nodiscard]] std::string representative(std::uint32_t group) const;
    [[nodiscard]] std::string fresh(const char* stem) { return stem + std::to_string(++count_[stem]); }

    std::vector<ObservedFunction> functions_;
    const Tracee& tracee_;
    Transcript &iommufd_, &type1_;
    Descriptors descriptors_;
    std::map<FileId, File> files_;
    std::map<std::string, unsigned> count_;  ///< of names, by their stem
    std::map<std::tuple<Transcript*, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>, std::string>
        buffers_;
    Interval now_;
    pid_t thread_ = 0;
};

}  // namespace landfall

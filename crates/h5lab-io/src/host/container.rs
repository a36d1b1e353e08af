//! Tells the container that this process runs in, and its image, by what runtimes leave behind.
//!
//! Sources: Apptainer's [environment](https://apptainer.org/docs/user/main/environment_and_metadata.html), systemd's
//! [container interface](https://systemd.io/CONTAINER_INTERFACE/), podman-run(1) on `/run/.containerenv`.

use std::path::Path;

use h5lab_core::host::Container;

use super::{Env, read};

/// Where podman describes the container.
const CONTAINERENV: &str = "/run/.containerenv";
/// Where Apptainer and Singularity keep a container's scripts.
const SINGULARITY_FOLDER: &str = "/.singularity.d";
/// Where systemd, within the container, keeps the runtime's name.
const SYSTEMD: &str = "/run/systemd/container";

/// Where signs are looked for; tests have their own.
struct Surroundings<'a> {
    env: Env<'a>,
    exists: &'a dyn Fn(&str) -> bool,
    read: &'a dyn Fn(&str) -> Option<String>,
}

/// The container, and its image where the runtime names it; the innermost of several.
pub fn detect(env: Env) -> Option<(Container, Option<String>)> {
    let exists = |file: &str| Path::new(file).exists();
    Surroundings { env, exists: &exists, read: &|file| read(file) }.container()
}

impl Surroundings<'_> {
    fn container(&self) -> Option<(Container, Option<String>)> {
        let kind = self.by_own_signs().or_else(|| self.by_name()).or_else(|| self.by_cgroup()).or_else(|| {
            // Apptainer's variables may have been removed; what it is called is then not known.
            (self.exists)(SINGULARITY_FOLDER).then_some(Container::Other)
        })?;
        Some((kind, self.image(kind)))
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// What only one runtime leaves. Apptainer sets Singularity's variables, too.
    fn by_own_signs(&self) -> Option<Container> {
        let set = |names: [&str; 2]| names.iter().any(|name| self.set(name).is_some());
        let signs = [
            (set(["APPTAINER_CONTAINER", "APPTAINER_NAME"]), Container::Apptainer),
            (set(["SINGULARITY_CONTAINER", "SINGULARITY_NAME"]), Container::Singularity),
            (self.set("KUBERNETES_SERVICE_HOST").is_some(), Container::Kubernetes),
            ((self.exists)(CONTAINERENV), Container::Podman),
            ((self.exists)("/.dockerenv"), Container::Docker),
        ];
        signs.into_iter().find(|(seen, _)| *seen).map(|(_, container)| container)
    }

    /// The variable `container`, and its copy for processes that do not inherit it.
    fn by_name(&self) -> Option<Container> {
        let name = self.set("container").or_else(|| (self.read)(SYSTEMD))?;
        Some(match name.trim() {
            "podman" => Container::Podman,
            "docker" => Container::Docker,
            "lxc" | "lxc-libvirt" => Container::Lxc,
            "systemd-nspawn" => Container::SystemdNspawn,
            _ => Container::Other,
        })
    }

    /// The control group's name, which shows the runtime where the group has no namespace of its own.
    fn by_cgroup(&self) -> Option<Container> {
        let table = (self.read)("/proc/self/cgroup")?;
        let parts = || table.lines().filter_map(|line| line.splitn(3, ':').nth(2)).flat_map(|path| path.split('/'));
        let any = |is: &dyn Fn(&str) -> bool| parts().any(is);
        let signs = [
            (any(&|part| part.starts_with("kubepods")), Container::Kubernetes),
            (any(&|part| part.starts_with("libpod-")), Container::Podman),
            (any(&|part| part == "docker" || part.starts_with("docker-")), Container::Docker),
            (any(&|part| part == "lxc" || part.starts_with("lxc.payload")), Container::Lxc),
        ];
        signs.into_iter().find(|(seen, _)| *seen).map(|(_, container)| container)
    }

    /// The image. Podman writes, where it may, a line `image="..."`.
    fn image(&self, kind: Container) -> Option<String> {
        match kind {
            Container::Apptainer => self.image_file("APPTAINER_CONTAINER", "APPTAINER_NAME"),
            Container::Singularity => self.image_file("SINGULARITY_CONTAINER", "SINGULARITY_NAME"),
            Container::Podman => {
                let text = (self.read)(CONTAINERENV)?;
                let image = text.lines().find_map(|line| line.strip_prefix("image="))?.trim_matches('"');
                (!image.is_empty()).then(|| image.to_string())
            }
            _ => None,
        }
    }

    /// Apptainer gives the image's path and its name. Where it unpacks images to run them, the path is that of the
    /// unpacked copy: the name tells more.
    fn image_file(&self, path: &str, name: &str) -> Option<String> {
        let (path, name) = (self.set(path), self.set(name));
        let of_image = |path: &String| name.as_ref().is_none_or(|name| path.ends_with(name.as_str()));
        path.filter(of_image).or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    /// With these variables and files (name and text), the container and its image are these.
    fn check(pairs: &[(&str, &str)], files: &[(&str, &str)], want: Option<(Container, Option<&str>)>) {
        let file = table(files);
        let exists = |name: &str| file(name).is_some();
        let seen = Surroundings { env: &table(pairs), exists: &exists, read: &file }.container();
        assert_eq!(seen, want.map(|(kind, image)| (kind, image.map(str::to_string))), "{pairs:?} {files:?}");
    }

    #[test]
    fn apptainer_is_told_from_singularity_and_names_its_image() {
        let both = [
            ("APPTAINER_NAME", "a.sif"),
            ("APPTAINER_CONTAINER", "/images/a.sif"),
            ("SINGULARITY_NAME", "a.sif"),
            ("SINGULARITY_CONTAINER", "/images/a.sif"),
        ];
        check(&both, &[(SINGULARITY_FOLDER, "")], Some((Container::Apptainer, Some("/images/a.sif"))));
        check(&both[2..], &[], Some((Container::Singularity, Some("/images/a.sif"))));
        check(&both[..1], &[], Some((Container::Apptainer, Some("a.sif"))));
        let unpacked = [both[0], ("APPTAINER_CONTAINER", "/tmp/rootfs-1976758516/root")];
        check(&unpacked, &[], Some((Container::Apptainer, Some("a.sif"))));
        check(&[("APPTAINER_NAME", "")], &[(SINGULARITY_FOLDER, "")], Some((Container::Other, None)));
    }

    #[test]
    fn podman_names_its_image_where_it_may() {
        let text = "engine=\"podman-4.3.1\"\nname=\"x\"\nimage=\"localhost/h5lab:latest\"\nimageid=\"1\"\n";
        check(&[], &[(CONTAINERENV, text)], Some((Container::Podman, Some("localhost/h5lab:latest"))));
        check(&[("container", "podman")], &[(CONTAINERENV, "")], Some((Container::Podman, None)));
        check(&[("container", "podman")], &[], Some((Container::Podman, None)));
    }

    #[test]
    fn files_and_variables_of_the_others() {
        check(&[], &[], None);
        check(&[("container", "")], &[("/proc/self/cgroup", "0::/\n")], None);
        check(&[], &[("/.dockerenv", "")], Some((Container::Docker, None)));
        let pod = [("KUBERNETES_SERVICE_HOST", "192.0.2.1")];
        check(&pod, &[("/.dockerenv", "")], Some((Container::Kubernetes, None)));
        check(&[("container", "lxc")], &[], Some((Container::Lxc, None)));
        check(&[], &[(SYSTEMD, "systemd-nspawn\n")], Some((Container::SystemdNspawn, None)));
        check(&[("container", "oci")], &[], Some((Container::Other, None)));
    }

    #[test]
    fn the_control_group_tells_where_nothing_else_does() {
        let group = |text| [("/proc/self/cgroup", text)];
        check(&[], &group("12:cpu:/docker/0123\n0::/\n"), Some((Container::Docker, None)));
        check(&[], &group("0::/system.slice/docker-0123.scope\n"), Some((Container::Docker, None)));
        check(&[], &group("0::/machine.slice/libpod-0123.scope/container\n"), Some((Container::Podman, None)));
        check(&[], &group("0::/kubepods.slice/kubepods-pod1.slice/x\n"), Some((Container::Kubernetes, None)));
        check(&[], &group("0::/lxc.payload.box/init.scope\n"), Some((Container::Lxc, None)));
        // The daemon itself, and a user's session, are in none.
        check(&[], &group("0::/system.slice/docker.service\n"), None);
        check(&[], &group("0::/user.slice/user-1000.slice/session-1.scope\n"), None);
    }
}

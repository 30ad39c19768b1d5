//! The names of disks by their major and minor numbers, from `/proc/diskstats`.

use super::super::{
    MetricsError,
    text::{fields, number},
    view::HostView,
};

/// The names that are known.
#[derive(Debug, Default)]
pub(super) struct Devices(Vec<((u32, u32), String)>);

impl Devices {
    /// Reads the names again.
    pub(super) fn refresh(&mut self, view: &mut HostView) -> Result<(), MetricsError> {
        self.0.clear();
        view.lines(&["proc/diskstats"], |line| self.0.extend(device(line)))
    }

    /// The name of a disk.
    pub(super) fn name(&self, device: (u32, u32)) -> Option<&str> {
        let (_, name) = self.0.iter().find(|(number, _)| *number == device)?;
        Some(name)
    }
}

fn device(line: &[u8]) -> Option<((u32, u32), String)> {
    let mut fields = fields(line);
    let mut part = || u32::try_from(number(fields.next()?)?).ok();
    let device = (part()?, part()?);
    let name = str::from_utf8(fields.next()?).ok()?;
    Some((device, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = device(&line);
        }
    }
}

//! What was used lately, by id and up to so many bytes: the copies of token masks on the device.

use std::collections::HashMap;

#[derive(Debug)]
pub(super) struct Recent<V> {
    entries: HashMap<u64, Entry<V>>,
    bytes: usize,
    limit: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<V: Clone> Recent<V> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
            limit,
            clock: 0,
        }
    }

    /// The value of `id`, made if it is not here. The least recently used make room for it; who holds a
    /// clone keeps it alive.
    pub(super) fn get_or_make<E>(
        &mut self,
        id: u64,
        bytes: usize,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        self.clock += 1;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.used = self.clock;
            return Ok(entry.value.clone());
        }
        let value = make()?;
        while self.bytes + bytes > self.limit {
            let Some((&oldest, _)) = self.entries.iter().min_by_key(|(_, entry)| entry.used) else {
                break;
            };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.bytes -= entry.bytes;
            }
        }
        self.bytes += bytes;
        self.entries.insert(
            id,
            Entry {
                value: value.clone(),
                bytes,
                used: self.clock,
            },
        );
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(recent: &mut Recent<u64>, id: u64, made: &mut u32) -> u64 {
        let value: Result<u64, ()> = recent.get_or_make(id, 10, || {
            *made += 1;
            Ok(id * 2)
        });
        value.unwrap()
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_makes_room() {
        let mut recent = Recent::new(30);
        let mut made = 0;
        for id in [1, 2, 3, 1, 4] {
            assert_eq!(get(&mut recent, id, &mut made), id * 2);
        }
        assert_eq!(made, 4, "1 was here the second time");
        get(&mut recent, 1, &mut made);
        get(&mut recent, 3, &mut made);
        assert_eq!(made, 4, "1 and 3 stayed");
        get(&mut recent, 2, &mut made);
        assert_eq!(made, 5, "2 had made room for 4");
        assert!(recent.bytes <= 30);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let mut recent: Recent<u64> = Recent::new(30);
        assert!(recent.get_or_make(1, 10, || Err("no room")).is_err());
        assert_eq!(recent.bytes, 0);
    }
}

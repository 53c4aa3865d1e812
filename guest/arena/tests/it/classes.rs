//! Size classes against an oracle that counts them one by one.

use phase_arena::classes::{
    CLASSES, GRANULE, SIZE_MAX, block_size, class_of, class_size, class_within,
};

/// The table, written down the long way: 8 to 64 in steps of 8, then four steps per doubling.
fn sizes() -> Vec<u64> {
    let mut sizes: Vec<u64> = (1..=8).map(|step| step * 8).collect();
    let mut low = 64;
    while low < u64::from(SIZE_MAX) {
        sizes.extend((1..=4).map(|step| low + step * low / 4));
        low *= 2;
    }
    sizes
}

#[test]
fn the_table_is_the_oracles() {
    let sizes = sizes();
    assert_eq!(sizes.len(), CLASSES);
    assert_eq!(sizes.iter().filter(|&&size| size <= 32 << 10).count(), 44);
    for (class, &size) in sizes.iter().enumerate() {
        assert_eq!(u64::from(class_size(class)), size, "class {class}");
        assert_eq!(size % u64::from(GRANULE), 0);
    }
}

#[track_caller]
fn check(sizes: &[u64], size: u32) {
    let wanted = u64::from(size.max(1));
    let class = sizes.partition_point(|&block| block < wanted);
    assert_eq!(class_of(size), class, "size {size}");
    assert_eq!(u64::from(block_size(size)), sizes[class], "size {size}");
    if size >= GRANULE {
        let within = sizes.partition_point(|&block| block <= wanted) - 1;
        assert_eq!(class_within(size), within, "size {size}");
    }
    // The promise about waste.
    assert!(sizes[class] - wanted <= 7.max(wanted / 4), "size {size}");
}

#[test]
fn every_small_size() {
    let sizes = sizes();
    let end = if cfg!(miri) { 300 } else { 256 << 10 };
    for size in 0..end {
        check(&sizes, size);
    }
}

/// All sizes there are, so this is a proof. Without optimisation it would take minutes: then one of 1021, a prime.
#[test]
#[cfg_attr(miri, ignore = "it is slow, and arithmetic alone")]
fn every_size() {
    let sizes = sizes();
    for size in (0..=SIZE_MAX).step_by(if cfg!(debug_assertions) { 1021 } else { 1 }) {
        check(&sizes, size);
    }
}

#[test]
fn every_edge() {
    let sizes = sizes();
    let around = if cfg!(miri) { 1 } else { 9 };
    for &edge in &sizes {
        for size in edge - around.min(edge)..=edge + around {
            if size <= u64::from(SIZE_MAX) {
                check(&sizes, size as u32);
            }
        }
    }
}

#[test]
fn classes_are_monotone_up_to_the_largest() {
    for class in 1..CLASSES {
        assert!(class_size(class - 1) < class_size(class));
        assert_eq!(class_of(class_size(class)), class);
        assert_eq!(class_of(class_size(class - 1) + 1), class);
    }
    assert_eq!(class_of(SIZE_MAX), CLASSES - 1);
}

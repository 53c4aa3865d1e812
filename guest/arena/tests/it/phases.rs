//! Phases: freed at once, nested, measured; and the vector that lives in them.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use phase_arena::{PHASES_MAX, ScopeVec};

use arena_model::Sandbox;

const LEN: usize = 256 << 10;

#[test]
fn a_phase_frees_all_at_once() {
    let arena = Sandbox::configured(LEN);
    let sum = arena.phase("sum", |scope| {
        let numbers = scope.try_alloc_slice_fill_with(100, |index| index as u64).unwrap();
        let text = scope.try_alloc_str("héllo").unwrap();
        let one = scope.try_alloc(1u64).unwrap();
        *one += 1;
        assert_eq!(arena.in_use(), 8 * 100 + 8 + 8);
        numbers.iter().sum::<u64>() + *one + text.len() as u64
    });
    assert_eq!(sum, 4950 + 2 + 6);
    assert_eq!(arena.in_use(), 0);
}

#[test]
fn what_borrows_from_outside_can_be_allocated() {
    let arena = Sandbox::configured(LEN);
    let document = String::from("a b c");
    let words = arena.phase("split", |scope| {
        let mut words = ScopeVec::new(scope);
        for word in document.split(' ') {
            words.try_push(word).unwrap();
        }
        let words: &[&str] = words.into_slice();
        scope.try_alloc(words).unwrap().len()
    });
    assert_eq!(words, 3);
}

#[test]
fn phases_nest_and_the_inner_one_frees_only_its_own() {
    let arena = Sandbox::configured(LEN);
    arena.phase("outer", |outer| {
        let first = outer.try_alloc([1u8; 100]).unwrap();
        for _ in 0..3 {
            arena.phase("inner", |inner| {
                let second = inner.try_alloc([2u8; 1000]).unwrap();
                assert_eq!((first[99], second[999]), (1, 2));
            });
            assert_eq!(arena.in_use(), 100);
        }
        let third = outer.try_alloc([3u8; 1000]).unwrap();
        assert_eq!((*first, *third), ([1; 100], [3; 1000]));
    });
}

#[test]
fn each_phase_has_its_high_water_mark() {
    let arena = Sandbox::configured(LEN);
    arena.phase("decode", |scope| {
        scope.try_alloc([0u8; 1000]).unwrap();
        arena.phase("inner", |scope| {
            scope.try_alloc([0u8; 500]).unwrap();
        });
    });
    let block = arena.alloc(4096, 8);
    arena.phase("encode", |scope| {
        scope.try_alloc([0u8; 100]).unwrap();
        let top = arena.alloc(8192, 8);
        arena.free(top);
    });
    arena.free(block);
    arena.phase("decode", |_| {});
    let phases: Vec<_> = arena.phases().collect();
    assert_eq!(phases, [("decode", 1500), ("inner", 1500), ("encode", 4096 + 8192 + 100)]);
    assert_eq!(arena.usage().high_water, 4096 + 8192 + 100);
}

#[test]
fn the_table_of_phases_is_bounded() {
    const NAMES: [&str; PHASES_MAX + 2] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"];
    let arena = Sandbox::configured(LEN);
    for name in NAMES {
        arena.phase(name, |scope| {
            scope.try_alloc(1u64).unwrap();
        });
    }
    assert_eq!(arena.phases().count(), PHASES_MAX);
    assert_eq!(arena.in_use(), 0);
}

#[test]
fn a_phase_ends_by_unwinding_too() {
    let arena = Sandbox::configured(LEN);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        arena.phase("outer", |scope| {
            scope.try_alloc([0u8; 100]).unwrap();
            arena.phase("inner", |scope| {
                scope.try_alloc([0u8; 100]).unwrap();
                std::panic::resume_unwind(Box::new(()));
            });
        });
    }));
    assert!(unwound.is_err());
    assert_eq!(arena.in_use(), 0);
    arena.phase("after", |scope| assert!(scope.try_alloc(1u8).is_ok()));
}

#[test]
fn values_are_aligned_whatever_the_region_is() {
    #[derive(Clone, Copy)]
    #[repr(align(4096))]
    struct Page(u8);

    for skew in [0, 1, 8, 100] {
        let arena = Sandbox::with(LEN, skew, arena_model::Contents::Dirty);
        arena.configured_now();
        arena.phase("align", |scope| {
            for round in 0..4 {
                let byte = scope.try_alloc(round).unwrap();
                let wide = scope.try_alloc(u128::from(round)).unwrap();
                let page = scope.try_alloc(Page(round)).unwrap();
                let pages = scope.try_alloc_slice_fill_with(2, |_| Page(round)).unwrap();
                assert!((&raw const *page).addr().is_multiple_of(4096));
                assert!((&raw const *wide).addr().is_multiple_of(align_of::<u128>()));
                assert_eq!((*byte, *wide, page.0, pages[1].0), (round, round.into(), round, round));
            }
        });
    }
}

#[test]
fn a_vector_grows_in_its_place_while_it_is_last() {
    let arena = Sandbox::configured(LEN);
    arena.phase("vec", |scope| {
        let mut numbers = ScopeVec::new(scope);
        for number in 0..1000u32 {
            numbers.try_push(number).unwrap();
        }
        assert!(numbers.iter().copied().eq(0..1000));
        assert_eq!(arena.in_use(), numbers.capacity() * 4, "no garbage stays behind");
        let other = scope.try_alloc(7u32).unwrap();
        numbers.try_reserve(100_000).unwrap_err();
        numbers.try_reserve(2000).unwrap();
        assert!(numbers.iter().copied().eq(0..1000));
        assert_eq!(*other, 7);
        numbers.truncate(2);
        assert_eq!((numbers.pop(), numbers.pop(), numbers.pop()), (Some(1), Some(0), None));
        numbers.try_extend_from_slice(&[5, 6]).unwrap();
        numbers[0] = 4;
        assert_eq!(numbers.into_slice(), [4, 6]);
    });
}

#[test]
fn a_vector_is_iterated_like_a_slice() {
    let arena = Sandbox::configured(LEN);
    arena.phase("vec", |scope| {
        let mut numbers = ScopeVec::new(scope);
        numbers.try_extend_from_slice(&[1, 2, 3]).unwrap();
        for number in &mut numbers {
            *number *= 2;
        }
        let mut sum = 0;
        for number in &numbers {
            sum += number;
        }
        assert_eq!((sum, format!("{numbers:?}").as_str()), (12, "[2, 4, 6]"));
    });
    assert!(format!("{:?}", *arena).starts_with("Arena { usage: Usage { capacity: "));
}

#[test]
fn a_vector_uses_the_last_byte_before_it_gives_up() {
    let arena = Sandbox::configured(1 << 10);
    arena.phase("vec", |scope| {
        let room = (arena.usage().capacity - arena.usage().persistent) as usize;
        let mut bytes = ScopeVec::new(scope);
        while bytes.try_push(bytes.len() as u8) == Ok(()) {}
        assert_eq!(bytes.len(), room, "doubling gives way to what is needed");
        assert!(bytes.iter().enumerate().all(|(index, &byte)| byte == index as u8));
    });
}

#[test]
fn a_vector_that_fills_the_memory_moves_a_few_times() {
    let arena = Sandbox::configured(64 << 10);
    arena.phase("vec", |scope| {
        let (mut bytes, mut moves) = (ScopeVec::new(scope), 0);
        loop {
            let before = bytes.capacity();
            if bytes.try_push(0_u8).is_err() {
                break;
            }
            moves += usize::from(bytes.capacity() != before);
        }
        // It doubles up to half of the memory, and then takes half of what is left, and so on.
        assert!(moves <= 2 * 16, "{moves} moves for {} bytes", bytes.len());
    });
}

#[test]
fn text_is_formatted_into_a_phase() {
    let arena = Sandbox::configured(4 << 10);
    arena.phase("text", |scope| {
        let mut text = ScopeVec::try_with_capacity(scope, 2).unwrap();
        write!(text, "{}-{:?}", 12, "x").unwrap();
        assert_eq!(&*text, b"12-\"x\"");
        assert!(write!(text, "{:5000}", 1).is_err());
    });
}

#[test]
fn what_has_no_size_takes_no_room() {
    let arena = Sandbox::configured(4 << 10);
    arena.phase("empty", |scope| {
        let mut units = ScopeVec::new(scope);
        for _ in 0..1000 {
            units.try_push(()).unwrap();
        }
        scope.try_alloc(()).unwrap();
        scope.try_alloc_str("").unwrap();
        scope.try_alloc_slice_copy::<u64>(&[]).unwrap();
        assert_eq!((units.len(), arena.in_use()), (1000, 0));
    });
}

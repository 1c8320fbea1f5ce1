//! Norms, gates, tables of embeddings and the choice of tokens.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::super::lanes::Isa;
use super::super::{choose, elementwise, reference};
use super::{QUANTIZED, plain, quantized, tensor, values};
use crate::compute::{
    Chosen, Matrix, RowChoice, TokenMask, add_rms_norm, embed, rms_norm, take_rows,
};

fn close(have: &[f32], wanted: &[f32]) {
    assert_eq!(have.len(), wanted.len());
    for (a, b) in have.iter().zip(wanted) {
        assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn norms_and_gates_are_the_plain_formulas_on_all_instructions() {
    for columns in [1, 15, 16, 576, 1000] {
        let (x, delta) = (values(1, 40 * columns), values(2, 40 * columns));
        let weight = values(3, columns);
        let wanted = reference::rms_norm(&x, &weight, 1e-5);
        let both = reference::add_rms_norm(&x, &delta, &weight, 1e-5);
        let plain = elementwise::norm_on(Isa::Scalar, &x, Some(&delta), &weight, 1e-5);
        for isa in Isa::all() {
            close(&elementwise::norm_on(isa, &x, None, &weight, 1e-5), &wanted);
            let have = elementwise::norm_on(isa, &x, Some(&delta), &weight, 1e-5);
            close(&have, &both);
            assert!(
                have.iter()
                    .zip(&plain)
                    .all(|(a, b)| a.to_bits() == b.to_bits())
            );
            let alone = elementwise::norm_on(isa, &x[..columns], None, &weight, 1e-5);
            let many = elementwise::norm_on(isa, &x, None, &weight, 1e-5);
            assert!(alone[..] == many[..columns]);
        }
        let gates: Vec<f32> = values(4, 6 * 2 * columns)
            .iter()
            .map(|v| v * 40.0)
            .collect();
        let wanted = reference::silu_mul(&gates, columns);
        let plain = elementwise::silu_on(Isa::Scalar, &gates, columns);
        close(&plain, &wanted);
        for isa in Isa::all() {
            let have = elementwise::silu_on(isa, &gates, columns);
            assert!(
                have.iter()
                    .zip(&plain)
                    .all(|(a, b)| a.to_bits() == b.to_bits())
            );
        }
    }
    let extremes = [f32::NAN, 1e30, -1e30, 0.0, 1.0, 1.0, 1.0, 1.0];
    let out = elementwise::silu_on(Isa::best(), &extremes, 4);
    assert!(out[0].is_nan() && out[1] == 1e30 && out[2].abs() < 1e-6 && out[3] == 0.0);
}

#[test]
fn norms_refuse_what_does_not_fit() {
    let x = tensor(1, 3, 8);
    let weight = |n: usize| Tensor::ones(n, DType::F32, &Device::Cpu).unwrap();
    assert!(rms_norm(&x, &weight(8), 1e-5).is_ok());
    assert!(rms_norm(&x, &weight(7), 1e-5).is_err());
    assert!(rms_norm(&x, &weight(8).to_dtype(DType::F16).unwrap(), 1e-5).is_err());
    assert!(add_rms_norm(&x, &tensor(1, 2, 8), &weight(8), 1e-5).is_err());
    let (sum, norm) = add_rms_norm(&x, &x, &weight(8), 1e-5).unwrap();
    assert!(sum.is_contiguous() && norm.is_contiguous() && norm.dims() == [3, 8]);
    assert!(rms_norm(&norm, &weight(8), 1e-5).is_ok());
}

#[test]
fn a_table_gives_its_rows_without_being_expanded() {
    let ids = [3, 0, 3, 19];
    let mut tables: Vec<Matrix> = QUANTIZED.map(|d| quantized(1, 20, 256, d)).to_vec();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        tables.push(Matrix::Dense(tensor(1, 20, 256).to_dtype(dtype).unwrap()));
    }
    for table in tables {
        let rows = plain(&table);
        let have = embed(&table, &ids, &Device::Cpu)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        for (id, have) in ids.iter().zip(have) {
            assert_eq!(have, rows[*id as usize], "{}", table.dtype_name());
        }
        assert!(embed(&table, &[20], &Device::Cpu).is_err());
    }
    assert!(take_rows(&tensor(1, 3, 2), &[3]).is_err());
    let x = tensor(1, 3, 2);
    let wanted = x.to_vec2::<f32>().unwrap();
    let have = take_rows(&x, &[2, 0, 2]).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(have, [&wanted[2][..], &wanted[0], &wanted[2]]);
}

fn pick(logits: &[f32], choice: &RowChoice) -> Chosen {
    let one = |isa| choose::on(isa, logits, logits.len(), std::slice::from_ref(choice))[0];
    let chosen = one(Isa::best());
    for isa in Isa::all() {
        assert_eq!(one(isa), chosen, "{isa:?}");
    }
    chosen
}

fn mask(vocab: usize, allowed: &[u32]) -> Option<Arc<TokenMask>> {
    let mut mask = TokenMask::none(vocab);
    for token in allowed {
        mask.set(*token);
    }
    assert_eq!(mask.count(), allowed.len());
    Some(Arc::new(mask))
}

#[test]
fn greedy_takes_the_greatest_allowed_logit_and_the_lowest_id_of_equals() {
    let sure = |token| Chosen {
        token,
        finite: true,
    };
    for vocab in [1usize, 31, 32, 33, 1000] {
        let last = vocab as u32 - 1;
        let mut logits = values(5, vocab);
        logits[vocab - 1] = 9.0;
        assert_eq!(pick(&logits, &RowChoice::default()), sure(last));
        logits[0] = 9.0;
        assert_eq!(pick(&logits, &RowChoice::default()), sure(0));
        let only = RowChoice {
            mask: mask(vocab, &[last]),
            ..RowChoice::default()
        };
        assert_eq!(pick(&logits, &only), sure(last));
    }
    let mut logits = vec![f32::NEG_INFINITY; 100];
    logits[40] = -3.0;
    assert_eq!(pick(&logits, &RowChoice::default()), sure(40));
}

#[test]
fn nan_infinity_and_empty_masks_are_told() {
    let lost = |logits: &[f32], mask| {
        let choice = RowChoice {
            mask,
            ..RowChoice::default()
        };
        assert!(!pick(logits, &choice).finite);
    };
    for vocab in [20usize, 64] {
        for bad in [f32::NAN, f32::INFINITY] {
            for at in [0, 7, vocab - 1] {
                let mut logits = values(6, vocab);
                logits[at] = bad;
                lost(&logits, None);
                lost(&logits, mask(vocab, &[1]));
            }
        }
        lost(&values(6, vocab), mask(vocab, &[]));
        lost(&vec![f32::NEG_INFINITY; vocab], None);
    }
    // A mask of fewer tokens than the padded head has: the others are not allowed.
    let mut logits = values(6, 64);
    logits[50] = 9.0;
    let choice = RowChoice {
        mask: mask(40, &[3, 4]),
        ..RowChoice::default()
    };
    assert!(pick(&logits, &choice).token < 5);
}

#[test]
fn sampling_follows_the_mass_of_the_allowed_tokens() {
    let logits = [0.0, 1.0, 2.0, 3.0, -50.0];
    let draw = |temperature, top_p, allowed: Option<&[u32]>| {
        let mut counts = [0; 5];
        for i in 0..1000 {
            let choice = RowChoice {
                mask: allowed.and_then(|allowed| mask(5, allowed)),
                temperature,
                top_p,
                noise: i as f32 / 1000.0,
            };
            let chosen = pick(&logits, &choice);
            assert!(chosen.finite);
            counts[chosen.token as usize] += 1;
        }
        counts
    };
    let near = |have: [i32; 5], wanted: [i32; 5]| {
        assert!(
            have.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= 2),
            "{have:?} {wanted:?}"
        );
    };
    near(draw(1.0, 1.0, None), [32, 87, 237, 644, 0]);
    near(draw(1.0, 0.0, None), [32, 87, 237, 644, 0]);
    near(draw(1.0, 0.8, None), [0, 0, 269, 731, 0]);
    near(draw(1.0, 0.5, None), [0, 0, 0, 1000, 0]);
    near(draw(1.0, 1.0, Some(&[0, 1])), [269, 731, 0, 0, 0]);
    near(draw(0.5, 1.0, Some(&[0, 1])), [119, 881, 0, 0, 0]);
}

#[test]
fn choices_are_those_of_a_full_sort() {
    for seed in 1..200u64 {
        let vocab = 3 + seed as usize * 7 % 300;
        // Few different values, so that there are equals.
        let logits: Vec<f32> = values(seed, vocab)
            .iter()
            .map(|v| (v * 20.0).round())
            .collect();
        let allowed: Vec<u32> = (0..vocab as u32).filter(|t| (t * 7 + 3) % 5 < 2).collect();
        let choice = RowChoice {
            mask: if seed % 3 == 0 {
                None
            } else {
                mask(vocab, &allowed)
            },
            temperature: [0.0, 0.7, 3.0][seed as usize % 3],
            top_p: [1.0, 0.9, 0.5][seed as usize / 3 % 3],
            noise: values(seed + 1, 1)[0] + 0.5,
        };
        let greedy = RowChoice {
            temperature: 0.0,
            ..choice.clone()
        };
        for choice in [&choice, &greedy] {
            let wanted = reference::choose(&logits, vocab, std::slice::from_ref(choice))[0];
            // Without a limit of mass the order of the draw is that of the ids.
            if choice.temperature == 0.0 || choice.top_p < 1.0 {
                assert_eq!(pick(&logits, choice), wanted, "{seed}");
            }
        }
    }
}

#[test]
fn every_change_gives_a_mask_a_new_id() {
    let mut mask = TokenMask::none(40);
    let first = mask.id();
    mask.set(39);
    mask.set(40);
    assert!(mask.id() != first && mask.allows(39) && !mask.allows(40) && mask.count() == 1);
    assert!(TokenMask::none(40).id() != first);
}
